# SPDX-License-Identifier: Apache-2.0
"""What happens to the host tool around it: killed while it writes, disk full, files spoilt or
hostile, two processes at one build, odd paths."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from host import datasets
from host.errors import SelectionError, UserError
from host.selection import Options, select
from host.selection_file import read_selection
from verif.host.conftest import nms, one_sentence, save

WRITER = """
    import itertools, sys
    from pathlib import Path
    from host.files import write_whole
    path = Path(sys.argv[1])
    for number in itertools.count():
        letter = "abcdefgh"[number % 8]
        write_whole(path, letter * (1 << 20))
        if number == 0:
            print("ready", flush=True)
"""
FULL = """
    import resource, signal, sys
    from host.cli import app
    data, out, *command = sys.argv[1:]
    def run(target, limit):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            app(["select", "--data", data, "--keep", "0.2", "--out", target])
        except SystemExit as ended:
            return ended.code
    assert run(out + ".first", resource.RLIM_INFINITY) in (0, None)
    sys.exit(run(out, 700))
"""
BUILDER = """
    import sys, time
    from pathlib import Path
    from verif.sim.build import cached_build
    def make(folder):
        with open(sys.argv[1], "a") as log:
            log.write("made\\n")
        (folder / "half").write_text("x")
        time.sleep(0.3)
        (folder / "whole").write_text("y")
    folder = cached_build("shared", {"key": 1}, make)
    assert (folder / "whole").read_text() == "y"
"""

PICKLE = b"cos\nsystem\n(S'true'\ntR."
"""Runs a command where pickles are loaded."""


def python(script: str, *arguments: object, **rest) -> subprocess.Popen:
    root = str(Path(__file__).resolve().parents[2])
    environment = os.environ | {"PYTHONPATH": root} | rest.pop("env", {})
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **rest
    )


def test_killed_while_writing(tmp_path: Path, seed: int) -> None:
    """Again and again at a random moment: the file is one of those that were written, whole."""
    rng = random.Random(seed)
    path = tmp_path / "out.json"
    for _ in range(4):
        writer = python(WRITER, path)
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, 0.05))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        content = path.read_text()
        assert len(content) == 1 << 20 and len(set(content)) == 1, f"torn, seed {seed}"


def test_disk_full(tmp_path: Path, small: Path) -> None:
    """One sentence, exit status 2, and nothing left behind."""
    out = tmp_path / "s.json"
    ended = python(FULL, small, out)
    _, errors = ended.communicate()
    assert ended.returncode == 2, errors
    assert errors.count("error: ") == 1 and "Traceback" not in errors, errors
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.json.first", "small.npz"]


def test_two_processes_share_a_build(tmp_path: Path) -> None:
    """One makes it, the other waits and gets it whole."""
    log, env = tmp_path / "log", {"NMS_BUILD": str(tmp_path / "build")}
    both = [python(BUILDER, log, env=env) for _ in range(2)]
    for process in both:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert log.read_text() == "made\n"


def test_a_build_cut_off_is_made_again(tmp_path: Path) -> None:
    log, env = tmp_path / "log", {"NMS_BUILD": str(tmp_path / "build")}
    first = python(BUILDER, log, env=env)
    while not list(tmp_path.glob("build/sim/shared-*/half")):
        assert first.poll() is None
        time.sleep(0.01)
    first.kill()
    first.communicate()
    second = python(BUILDER, log, env=env)
    _, errors = second.communicate()
    assert second.returncode == 0, errors
    assert log.read_text() == "made\nmade\n"


def spoilt(content: bytes, rng: random.Random) -> bytes:
    """Cut off, bytes changed, a piece twice or missing."""
    place = rng.randrange(len(content))
    kind = rng.randrange(4)
    if kind == 0:
        return content[:place]
    if kind == 1:
        changed = bytearray(content)
        for _ in range(rng.randrange(1, 4)):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    other = place + rng.randrange(1, 60)
    return content[:place] + (content[place:other] * 2 if kind == 2 else b"") + content[other:]


def test_spoilt_selection_files(tmp_path: Path, small: Path, seed: int) -> None:
    """Refused in a sentence, or still a selection that fits the data."""
    dataset, path = datasets.load(str(small)), tmp_path / "s.json"
    select(dataset, Options(keep=0.2)).write(path)
    whole, rng, refused = path.read_bytes(), random.Random(seed), 0
    for turn in range(400):
        path.write_bytes(spoilt(whole, rng))
        try:
            read = read_selection(path, dataset).indices
        except UserError:
            refused += 1
            continue
        assert (np.diff(read) > 0).all() and read[0] >= 0 and read[-1] < 120, f"turn {turn}, {seed}"
    assert refused > 100


@pytest.mark.parametrize("key", ["data", "indices", "format", "version"])
@pytest.mark.parametrize(
    "value", [None, [], {}, "x", 1, 1e999, [[]], [None], [2**80], [True], [1.5]]
)
def test_selection_files_of_other_types(tmp_path: Path, small: Path, key: str, value) -> None:
    dataset, path = datasets.load(str(small)), tmp_path / "s.json"
    document = select(dataset, Options(keep=0.2)).document
    if (key, value) == ("version", 1):
        return
    path.write_text(json.dumps({**document, key: value}))
    with pytest.raises(SelectionError):
        read_selection(path, dataset)


@pytest.mark.parametrize("compressed", [False, True])
def test_spoilt_npz(tmp_path: Path, arrays: dict[str, np.ndarray], compressed, seed: int) -> None:
    """Refused in a sentence, or arrays of a legal kind."""
    whole, path = io.BytesIO(), tmp_path / "d.npz"
    (np.savez_compressed if compressed else np.savez)(whole, **arrays)
    rng, refused = random.Random(seed), 0
    for _ in range(300):
        path.write_bytes(spoilt(whole.getvalue(), rng))
        try:
            datasets.load(str(path))
        except UserError:
            refused += 1
    assert refused > 100


def npy(header: str, content: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


@pytest.mark.parametrize(
    "member",
    [
        npy(
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
            PICKLE,
        ),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1 << 60,), }"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1152921504606846976,), }"),
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-3, 8), }"),
        npy("__import__('os').getcwd()"),
        npy("{'descr': [('a', '<f8'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }"),
        PICKLE,
        b"",
    ],
)
def test_hostile_npz(tmp_path: Path, member: bytes) -> None:
    path = tmp_path / "d.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", member)
        archive.writestr("y_train.npy", member)
    one_sentence(nms("select", "--data", path, "--keep", 0.2, "--out", tmp_path / "s.json"))
    assert [p.name for p in tmp_path.iterdir()] == ["d.npz"]


def test_spaces_and_letters_of_the_world(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    folder = tmp_path / "a b'c" / "données 数据 ñ"
    folder.mkdir(parents=True)
    source, out = save(folder / "klein & fein.npz", arrays), folder / "neu" / "wähl mich.json"
    result = nms("select", "--data", source, "--keep", 0.2, "--out", out)
    assert result.exit_code == 0, result.output
    dataset = datasets.load(str(source))
    assert len(read_selection(out, dataset).indices) == 24
    rtl = folder / "r t l"
    result = nms("verilog", "--preset", "tiny", "--block", "exp2", "--out", rtl)
    assert result.exit_code == 0, result.output
    assert (rtl / "tiny" / "exp2.v").is_file()


def test_a_machine_that_sleeps_loses_no_work(tmp_path: Path) -> None:
    """Stopped for longer than Dask waits for a sign of its workers, then continued."""
    script = """
        import time
        import dask
        dask.config.set({"distributed.scheduler.worker-ttl": "1s"})
        from host.cluster import connected

        def work(number, data):
            time.sleep(0.5)
            return number + data[0]

        with connected(jobs=1) as cluster:
            data = cluster.share([1])
            for number in range(4):
                cluster.start(number, work, number, data)
            print("begun", flush=True)
            assert sorted(cluster.finished()) == [(n, n + 1) for n in range(4)]
        print("ended")
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGSTOP)
    time.sleep(8)
    process.send_signal(signal.SIGCONT)
    assert process.stdout.read() == "ended\n"
    assert process.wait(timeout=60) == 0
