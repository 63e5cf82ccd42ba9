"""Files that are not what encoders write: edit lists, false key frames, false time stamps, several streams, damage."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.errors import VideoError
from refseg.video import index_cache
from refseg.video.index_cache import distrust_packets, read_index
from refseg.video.reader import Clip, open_clip
from refseg.video.sampling import Sampling
from refseg.video.timestamps import NO_TIME, steady_ticks
from tests.video.coded import H264, Encoding, coded_frame, number_in, pack_b_frames, remux, set_edits
from tests.video.test_frame_numbers import FRAGMENTED, TABLE

MP4 = Encoding("mp4", "libx264", H264)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return MP4.write(tmp_path / "clip.mp4", range(80))


def numbers(clip: Clip) -> list[int]:
    return [number_in(frame.image) for frame in clip.frames()]


def until_damage(clip: Clip) -> tuple[list[int], str]:
    """Numbers of the frames that can be read, and the error."""
    read: list[int] = []
    with pytest.raises(VideoError) as caught:
        read.extend(number_in(frame.image) for frame in clip.frames())
    return read, str(caught.value)


@pytest.mark.parametrize(
    ("edits", "shown"),
    [
        ([(55, 25)], [*range(25, 80)]),  # cut without encoding: the frames since the last key frame are hidden
        ([(80, 0)], [*range(80)]),
        ([(30, 0)], [*range(30)]),
        ([(20, 30)], [*range(30, 50)]),
        ([(50, None), (60, 20)], [*range(20, 80)]),  # shown after a pause of 2 s
        ([(20, 0), (20, 48)], [*range(20), *range(48, 68)]),
        ([(10, 48), (10, 0)], [*range(48, 58), *range(10)]),
    ],
)
def test_frames_that_an_edit_list_hides_are_not_frames(
    edits: list[tuple[float, float | None]], shown: list[int], clip: Path
) -> None:
    set_edits(clip, edits)
    assert open_clip(str(clip)).total == len(shown)
    assert numbers(open_clip(str(clip))) == shown
    for sampling in (Sampling(stride=5), Sampling(start=0.4, end=0.7), Sampling(fps=5)):
        chosen = open_clip(str(clip), sampling)
        assert numbers(chosen) == [shown[index] for index in chosen.indices]
    every_fifth = open_clip(str(clip), Sampling(fps=5))
    assert every_fifth.indices.tolist() == list(range(0, len(shown), 5))


def test_a_key_frame_that_is_none_is_not_used(clip: Path, tmp_path: Path) -> None:
    false = tmp_path / "false.mp4"
    false.write_bytes(
        clip.read_bytes().replace(b"stss", b"free")
    )  # without this box, the container takes every frame for a key frame
    expected = [frame.image for frame in open_clip(str(clip)).part([0, 40, 63]).frames()]
    read = open_clip(str(false))
    read = replace(read, all_frames=replace(read.all_frames, key_frames=np.arange(80)))
    for frame, image in zip(read.part([0, 40, 63]).frames(), expected, strict=True):
        np.testing.assert_array_equal(frame.image, image)


def test_time_stamps_in_the_order_of_decoding_are_not_trusted(clip: Path, tmp_path: Path) -> None:
    def in_order(number: int, packet: av.Packet) -> None:
        packet.dts += 1024  # so that no frame lies before 0
        packet.pts = packet.dts

    path = remux(clip, tmp_path / "order.mp4", in_order)
    for sampling in (Sampling(), Sampling(stride=7), Sampling(start=1, end=2)):
        chosen = open_clip(str(path), sampling)
        assert chosen.total == 80 and numbers(chosen) == chosen.indices.tolist()


def test_packed_b_frames(tmp_path: Path) -> None:
    options = {"g": "25", "bf": "1", "q:v": "2", "sc_threshold": "1000000000"}
    encoded = Encoding("avi", "mpeg4", options).write(tmp_path / "encoded.avi", range(81))
    path = pack_b_frames(encoded, tmp_path / "packed.avi")
    for sampling in (Sampling(), Sampling(stride=5), Sampling(fps=6)):
        chosen = open_clip(str(path), sampling)
        assert chosen.total == 81 and numbers(chosen) == chosen.indices.tolist()


def test_frames_with_the_same_time_stamp_are_all_frames(tmp_path: Path) -> None:
    path = Encoding("mkv", "mjpeg", pixels="yuvj420p").write(tmp_path / "fast.mkv", range(20), rate=2000)
    read = open_clip(str(path))
    assert (np.diff(read.stamps) == 0).any() and (np.diff(read.stamps) >= 0).all()
    assert numbers(read) == list(range(20)) and numbers(open_clip(str(path), Sampling(stride=3))) == list(
        range(0, 20, 3)
    )


def test_time_stamps_below_zero(clip: Path, tmp_path: Path) -> None:
    def earlier(number: int, packet: av.Packet) -> None:
        packet.pts, packet.dts = packet.pts - 90 * 512, packet.dts - 90 * 512

    path = remux(clip, tmp_path / "early.ts", earlier, {"avoid_negative_ts": "disabled"})
    assert numbers(open_clip(str(path), Sampling(stride=4))) == list(range(0, 80, 4))


def test_a_recording_can_begin_between_key_frames(tmp_path: Path) -> None:
    for name in ("ts h264", "ts hevc", "ts mpeg2"):
        path = TABLE[name].write(tmp_path / "clip.ts", range(80))
        data = path.read_bytes()
        path.write_bytes(data[len(data) // 5 // 188 * 188 :])
        shown = numbers(open_clip(str(path)))
        assert 0 < shown[0] < 40 and shown == list(range(shown[0], 80))
        chosen = open_clip(str(path), Sampling(stride=6))
        assert chosen.total == len(shown) and numbers(chosen) == shown[::6]


def test_a_clock_that_begins_again(tmp_path: Path) -> None:
    path = TABLE["mpg mpeg2"].write(tmp_path / "clip.mpg", range(30))
    path.write_bytes(path.read_bytes() + TABLE["mpg mpeg2"].write(tmp_path / "next.mpg", range(30, 60)).read_bytes())
    read = open_clip(str(path))
    assert (
        numbers(read) == list(range(60))
        and (np.diff(read.stamps) > 0).all()
        and read.info.duration == pytest.approx(2.4, abs=0.2)
    )


def test_frames_that_change_their_size_are_refused_there(tmp_path: Path) -> None:
    path = TABLE["mpg mpeg2"].write(tmp_path / "clip.mpg", range(30))
    path.write_bytes(
        path.read_bytes() + TABLE["mpg mpeg2"].write(tmp_path / "next.mpg", range(30), size=(48, 64)).read_bytes()
    )
    read, error = until_damage(open_clip(str(path)))
    assert read in (list(range(29)), list(range(30))), "the decoder may lose the last frame before the change"
    assert "change from 96 x 64 to 64 x 48 pixels" in error
    assert numbers(open_clip(str(path), Sampling(end=0.8))) == list(range(20))


def test_the_stream_that_players_show_is_read(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for size in ((32, 48), (64, 96)):
            stream = container.add_stream("libx264", rate=25, options=H264)
            stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
            streams.append((stream, size))
        streams[0][0].disposition, streams[1][0].disposition = av.stream.Disposition(0), av.stream.Disposition.default
        for number in range(20):
            for stream, size in streams:
                container.mux(
                    stream.encode(
                        av.VideoFrame.from_ndarray(coded_frame(number + stream.index * 100, *size), format="rgb24")
                    )
                )
        for stream, _ in streams:
            container.mux(stream.encode())
    read = open_clip(str(path))
    assert (read.info.height, read.info.width) == (64, 96) and numbers(read) == list(range(100, 120))


def test_cover_art_is_no_video(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "cover.mp4"
    with av.open(str(clip)) as source, av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 64, 96, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        copy = container.add_stream_from_template(source.streams.video[0])
        container.mux(cover.encode(av.VideoFrame.from_ndarray(coded_frame(255), format="rgb24")))
        container.mux(cover.encode())
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                container.mux(packet)
    assert numbers(open_clip(str(path))) == list(range(80))


@pytest.mark.parametrize(
    "name",
    [
        "mp4 h264",
        "mp4 h264, fragmented",
        "mkv h264",
        "avi mpeg4",
        "avi h264",
        "webm vp9",
        "gif",
        "mpg mpeg2",
        "mkv ffv1",
        "avi mjpeg",
    ],
)
def test_a_file_that_is_cut_off_is_used_up_to_there(name: str, tmp_path: Path) -> None:
    encoding = TABLE[name]
    muxer = encoding.muxer or ({"movflags": "faststart"} if encoding.suffix == "mp4" else {})
    path = Encoding(encoding.suffix, encoding.codec, encoding.options, encoding.pixels, muxer).write(
        tmp_path / f"clip.{encoding.suffix}", range(80)
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    read, error = until_damage(open_clip(str(path)))
    assert read == list(range(len(read))) and 3 < len(read) < 79
    assert "damaged or cut off" in error and "use the frames before" in error
    assert open_clip(str(path)).total == len(read)
    assert numbers(open_clip(str(path), Sampling(end=0.12))) == [0, 1, 2], "what is asked for is there"


@pytest.mark.parametrize("name", ["mp4 h264", "mkv h264", "mp4 hevc", "ts h264", "avi mpeg4", "mp4 av1"])
def test_damage_in_the_middle_never_gives_another_frame(name: str, tmp_path: Path) -> None:
    path = TABLE[name].write(tmp_path / f"clip.{TABLE[name].suffix}", range(80))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 if path.suffix != ".mp4" else data.find(b"moov") // 2
    data[middle : middle + 300] = bytes(300)
    path.write_bytes(data)
    for _ in range(2):  # the second time, the file is known to be damaged
        for sampling in (Sampling(), Sampling(stride=3)):
            chosen = open_clip(str(path), sampling)
            read, error = until_damage(chosen)
            assert len(read) > 3 and read == chosen.indices[: len(read)].tolist() and "damaged" in error


def test_an_index_is_kept_as_long_as_the_file_stays(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_index(clip)
    assert read_index(clip) is first
    distrust_packets(clip)
    second = read_index(clip)
    assert second is not first and len(second.key_frames) == 0 and read_index(clip) is second
    MP4.write(clip, range(33))
    assert len(read_index(clip)) == 33
    monkeypatch.setattr(index_cache, "_CACHED_FILES", 1)
    third = read_index(clip)
    read_index(MP4.write(clip.with_name("other.mp4"), range(4)))
    assert read_index(clip) is not third


def test_long_files_are_not_decoded_where_packets_list_the_frames(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(path: Path) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(index_cache, "index_of_decoded", never)
    assert open_clip(str(clip)).total == 80
    fragmented = Encoding("mp4", "libx264", H264, muxer=FRAGMENTED).write(clip.with_name("f.mp4"), range(80))
    assert open_clip(str(fragmented)).total == 80


@given(steps=st.lists(st.integers(1, 9), min_size=1, max_size=60), data=st.data())
def test_stamps_in_disorder_are_sorted(steps: list[int], data: st.DataObject) -> None:
    ticks = np.cumsum(steps).tolist()
    shuffled = [
        tick for start in range(0, len(ticks), 8) for tick in data.draw(st.permutations(ticks[start : start + 8]))
    ]
    assert steady_ticks(shuffled, 5).tolist() == ticks


@given(
    ticks=st.lists(st.one_of(st.just(NO_TIME), st.integers(-1000, 1000)), min_size=1, max_size=60),
    step=st.integers(1, 50),
)
def test_times_never_decrease(ticks: list[int], step: int) -> None:
    steady = steady_ticks(ticks, step)
    assert len(steady) == len(ticks) and (np.diff(steady) >= 0).all()


def test_missing_stamps_and_clocks_that_fall_back() -> None:
    assert steady_ticks([NO_TIME] * 3, 5).tolist() == [0, 5, 10]
    assert steady_ticks([10, NO_TIME, 20], 5).tolist() == [10, 15, 20]
    again = [*range(0, 200, 5), *range(0, 200, 5)]
    assert steady_ticks(again, 5).tolist() == list(range(0, 400, 5))


def test_pixels_that_are_not_square_are_named(tmp_path: Path) -> None:
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 15)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(coded_frame(7), format="rgb24")))
        container.mux(stream.encode())
    read = open_clip(str(path))
    assert read.info.pixel_aspect == Fraction(16, 15)
    assert [frame.image.shape for frame in read.frames()] == [(64, 96, 3)], "as stored: masks have this size"
