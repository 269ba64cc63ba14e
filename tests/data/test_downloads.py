"""Data sets that come over the network: from a small server here, or from files placed by hand."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sae_core.data import DATASETS, DataError, data_folder, downloads, load_images
from tests.data.test_idx import idx

TRAIN = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
TEST = np.random.default_rng(1).integers(0, 256, (4, 28, 28), np.uint8)


def small_files(name: str) -> dict[str, bytes]:
    """Six training and four test images under the names the data set's own files have."""
    archive = DATASETS[name].archive
    assert archive
    arrays = (TRAIN, np.arange(6, dtype=np.uint8), TEST, np.arange(4, dtype=np.uint8))
    return {f"{file}.gz": gzip.compress(idx(array), mtime=0) for file, array in zip(archive.files, arrays, strict=True)}


def place(name: str, files: dict[str, bytes]) -> Path:
    archive = DATASETS[name].archive
    assert archive
    archive.folder.mkdir(parents=True)
    for file, content in files.items():
        (archive.folder / file).write_bytes(content)
    return archive.folder


@pytest.fixture
def served() -> Iterator[tuple[str, dict[str, bytes]]]:
    """The address of a web server, and what it serves."""
    content: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = content.get(self.path.strip("/"))
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", content
    server.shutdown()
    server.server_close()
    thread.join()


def torchvision_at(monkeypatch: pytest.MonkeyPatch, **attributes) -> None:
    """Have torchvision list other addresses than the real ones."""
    dataset = SimpleNamespace(**attributes)
    fake = SimpleNamespace(FashionMNIST=dataset, EMNIST=dataset)
    monkeypatch.setattr(downloads, "import_torchvision", lambda: fake)


def listed(files: dict[str, bytes]) -> list[tuple[str, str]]:
    return [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]


def test_files_placed_by_hand_are_found(monkeypatch: pytest.MonkeyPatch):
    """Under torchvision's names and in its folder; no torchvision and no network is asked."""
    monkeypatch.setattr(downloads, "import_torchvision", lambda: pytest.fail("torchvision was asked"))
    place("kmnist", small_files("kmnist"))
    images = load_images("kmnist")
    assert (images.train == (TRAIN.reshape(6, 784) / 255).astype(np.float32)).all()
    assert images.test_labels is not None
    assert images.test_labels.tolist() == [0, 1, 2, 3]


def test_unpacked_files_are_found_too():
    """As torchvision leaves them."""
    place("kmnist", {name.removesuffix(".gz"): gzip.decompress(c) for name, c in small_files("kmnist").items()})
    assert DATASETS["kmnist"].at_hand()
    assert len(load_images("kmnist").train) == 6


def test_emnist_is_turned_upright():
    """Its files hold columns where the others hold rows."""
    place("emnist", small_files("emnist"))
    assert (load_images("emnist").test[0].reshape(28, 28) == (TEST[0].T / 255).astype(np.float32)).all()


def test_a_download_reports_its_progress(served, monkeypatch: pytest.MonkeyPatch):
    """File, bytes so far, bytes in all; the second time nothing is asked for."""
    address, content = served
    content.update(small_files("fashion-mnist"))
    torchvision_at(monkeypatch, mirrors=[address], resources=listed(content))
    seen = []
    images = load_images("fashion-mnist", progress=lambda *step: seen.append(step))
    sizes = {name: len(body) for name, body in content.items()}
    assert {name: (done, total) for name, done, total in seen} == {n: (s, s) for n, s in sizes.items()}
    assert images.class_names[9] == "Ankle boot"
    content.clear()
    assert (load_images("fashion-mnist").train == images.train).all()


def test_the_second_mirror_is_asked_when_the_first_fails(served, monkeypatch: pytest.MonkeyPatch):
    """torchvision lists several for some sets."""
    address, content = served
    content.update(small_files("fashion-mnist"))
    torchvision_at(monkeypatch, mirrors=["http://127.0.0.1:9/", address], resources=listed(content))
    assert len(load_images("fashion-mnist").train) == 6


def test_no_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    """Which set, where it looked, and what to place where by hand; and nothing is left behind."""
    torchvision_at(monkeypatch, mirrors=["http://127.0.0.1:9/"], resources=[("train-images-idx3-ubyte.gz", "")])
    with pytest.raises(DataError) as caught:
        load_images("fashion-mnist")
    folder = data_folder() / "FashionMNIST" / "raw"
    assert str(caught.value) == (
        "Fashion-MNIST is not on this machine and could not be had from 127.0.0.1 (Connection refused); its files "
        f"belong in {folder}: place train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
        "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz there by hand."
    )
    assert list(folder.iterdir()) == []


def test_a_download_can_be_forbidden():
    """What does not want to wait says so, and hears where the files belong."""
    with pytest.raises(DataError, match="KMNIST is not on this machine; its files belong in"):
        load_images("kmnist", download=False)


def test_something_else_than_was_asked_for_is_not_kept(served, monkeypatch: pytest.MonkeyPatch):
    """A hotel's login page is not Fashion-MNIST."""
    address, content = served
    content.update(small_files("fashion-mnist"))
    resources = listed(content)
    content["train-images-idx3-ubyte.gz"] = b"<html>Please log in</html>"
    torchvision_at(monkeypatch, mirrors=[address], resources=resources)
    with pytest.raises(DataError, match="sent something else than it should have"):
        load_images("fashion-mnist")
    assert not DATASETS["fashion-mnist"].at_hand()


def test_a_missing_page_is_one_sentence(served, monkeypatch: pytest.MonkeyPatch):
    """404, with the server's name."""
    torchvision_at(monkeypatch, mirrors=[served[0]], resources=[("train-images-idx3-ubyte.gz", "")])
    with pytest.raises(DataError, match=r"127\.0\.0\.1 \(Not Found\)"):
        load_images("fashion-mnist")


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("gzip/emnist-byclass-mapping.txt", "not wanted")
        for name, content in files.items():
            archive.writestr(f"gzip/{name}", content)
    return packed.getvalue()


def test_emnist_is_taken_out_of_its_archive(served, monkeypatch: pytest.MonkeyPatch):
    """Four files of the balanced split; the archive, half a gigabyte, is removed."""
    address, content = served
    content["gzip.zip"] = zipped(small_files("emnist"))
    torchvision_at(monkeypatch, url=f"{address}gzip.zip", md5=hashlib.md5(content["gzip.zip"]).hexdigest())
    assert len(load_images("emnist").train) == 6
    folder = data_folder() / "EMNIST" / "raw"
    assert sorted(path.name for path in folder.iterdir()) == sorted(small_files("emnist"))


def test_an_archive_placed_by_hand_is_used(monkeypatch: pytest.MonkeyPatch):
    """Without asking any server."""
    place("emnist", {"gzip.zip": zipped(small_files("emnist"))})
    torchvision_at(monkeypatch, url="http://127.0.0.1:9/gzip.zip", md5="")
    assert len(load_images("emnist").train) == 6


def test_a_torn_archive_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    """And stays where it is, for whoever placed it."""
    folder = place("emnist", {"gzip.zip": zipped(small_files("emnist"))[:500]})
    torchvision_at(monkeypatch, url="http://127.0.0.1:9/gzip.zip", md5="")
    with pytest.raises(
        DataError, match=r"gzip\.zip is not the archive of EMNIST \(balanced\): File is not a zip file\."
    ):
        load_images("emnist")
    assert [path.name for path in folder.iterdir()] == ["gzip.zip"]


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        (0, np.zeros((6, 8, 8), np.uint8), r"images of shape \(6, 8, 8\)"),
        (1, np.zeros(5, np.uint8), "has 6 images, but .* has 5 labels"),
        (3, np.full(4, 10, np.uint8), "a class 10, but there are only 10"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(file: int, content: np.ndarray, sentence: str):
    """Each file may be sound and the four still no data set."""
    files = small_files("kmnist")
    files[list(files)[file]] = gzip.compress(idx(content))
    place("kmnist", files)
    with pytest.raises(DataError, match=sentence):
        load_images("kmnist")


def test_a_folder_that_cannot_be_written_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A file stands where the folder should be."""
    (tmp_path / "data").write_text("")
    monkeypatch.setenv("PENSTROKE_DATA", str(tmp_path / "data"))
    torchvision_at(monkeypatch, mirrors=[], resources=[])
    with pytest.raises(DataError, match=r"Fashion-MNIST cannot be kept in .*raw: Not a directory\."):
        load_images("fashion-mnist")


def test_a_mismatched_pair_ends_in_a_sentence_that_mends_it(monkeypatch: pytest.MonkeyPatch):
    """torchvision raises RuntimeError where its operators miss their torch."""

    def broken(name: str):
        raise RuntimeError("operator torchvision::nms does not exist\nlong story")

    monkeypatch.setattr(downloads.importlib, "import_module", broken)
    with pytest.raises(DataError) as caught:
        load_images("fashion-mnist")
    assert "do not work together (operator torchvision::nms does not exist)" in str(caught.value)
    assert "`pip install --upgrade torch torchvision`" in str(caught.value)


@pytest.mark.slow
def test_names_and_files_are_those_torchvision_knows():
    """Class names are written here so that they need no torch; they have to agree."""
    real = downloads.import_torchvision()
    assert DATASETS["fashion-mnist"].class_names == tuple(real.FashionMNIST.classes)
    assert DATASETS["kmnist"].class_names == tuple(real.KMNIST.classes)
    assert DATASETS["emnist"].class_names == tuple(real.EMNIST.classes_split_dict["balanced"])
    for name in ("fashion-mnist", "kmnist"):
        archive = DATASETS[name].archive
        assert archive
        resources = getattr(real, archive.torchvision_name).resources
        assert {f"{file}.gz" for file in archive.files} == {file for file, _ in resources}
