"""Word tables from public word vectors."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from refseg.errors import DataError
from refseg.language import Vocabulary


def word_table(vocabulary: Vocabulary, folder: Path, size: int) -> Tensor:
    """GloVe vectors of the vocabulary's words, (len(vocabulary), size): centered, whitened by their covariance, of unit
    mean square.

    folder: with glove_6b_50d.npz (`vectors`) and glove_6b_words.txt. Whitening removes the few directions that all
    frequent words share. Words without a vector start near zero; `<pad>` is zero. Raises DataError for files that are
    missing or of another size.
    """
    words_file, vectors_file = folder / "glove_6b_words.txt", folder / "glove_6b_50d.npz"
    try:
        words = words_file.read_text(encoding="utf-8").split()
        with np.load(vectors_file, allow_pickle=False) as archive:
            vectors = archive["vectors"].astype(np.float64)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"cannot read the word vectors {vectors_file}: {error}; expected `vectors` (N, {size}) and"
            f" {words_file.name}"
        ) from error
    if vectors.shape != (len(words), size):
        raise DataError(
            f"word vectors have shape {vectors.shape}, expected ({len(words)}, {size}) for {words_file.name} and this"
            " network"
        )
    centered = vectors - vectors.mean(0)
    variance, axes = np.linalg.eigh(centered.T @ centered / len(centered))
    # half-way between the raw and the whitened spectrum: full whitening amplifies the noise directions
    white = centered @ axes / np.maximum(variance, 1e-6) ** 0.25
    white /= np.sqrt((white**2).mean())
    rows = {word: row for row, word in enumerate(words)}
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(len(vocabulary), size, generator=generator) * 0.1
    for index in range(2, len(vocabulary)):
        word = vocabulary.word(index)
        pieces = [rows[piece] for piece in (word, *word.split("-")) if piece in rows]
        if pieces:
            table[index] = torch.from_numpy(
                white[pieces[0] if word in rows else pieces].reshape(-1, size).mean(0)
            ).float()
    table[0] = 0
    return table
