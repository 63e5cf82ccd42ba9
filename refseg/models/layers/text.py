"""Reading a sequence of embedded words."""

from torch import Tensor, nn


def read_in_context(reader: nn.GRU, embedded: Tensor, valid: Tensor) -> Tensor:
    """Run a bidirectional GRU over embedded words (K, T, E) and return its states (K, T, 2 * hidden).

    Padding, where valid (K, T) is False, is not read.
    """
    lengths = valid.sum(1).clamp_min(1).cpu()
    packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
    states: Tensor = nn.utils.rnn.pad_packed_sequence(
        reader(packed)[0], batch_first=True, total_length=embedded.shape[1]
    )[0]
    return states
