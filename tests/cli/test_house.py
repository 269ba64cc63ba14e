"""`penstroke`, `penstroke dashboard` and `penstroke doctor`."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sae_core.cli import doctor
from sae_core.data import DataError
from tests.cli.conftest import Penstroke


def test_alone_it_shows_what_it_can_do(penstroke: Penstroke):
    """All commands, with status 0."""
    said = penstroke()
    assert said.status == 0
    for command in ("dashboard", "train", "runs", "resume", "set", "evaluate", "replay", "delete", "doctor"):
        assert f" {command} " in said.out


def test_it_knows_its_version(penstroke: Penstroke):
    """As the distribution's metadata have it."""
    assert penstroke("--version").out.strip() == f"penstroke {version('penstroke')}"


def test_an_unknown_command_is_one_sentence(penstroke: Penstroke):
    """With status 2."""
    said = penstroke("tarin")
    assert said.status == 2
    assert said.err.startswith("No such command 'tarin'.")
    assert len(said.err.splitlines()) == 1


def test_the_command_is_installed_and_quick():
    """`python -m sae_core.cli` is the same, and neither imports torch to say what it can do."""
    program = "import sys; from sae_core.cli import main; main(['--help']); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, stdout=subprocess.DEVNULL)


def test_dashboard_hands_its_options_on(penstroke: Penstroke, monkeypatch: pytest.MonkeyPatch):
    """All of them, help included, and its status back."""
    import dashboard.__main__ as page

    seen = []
    monkeypatch.setattr(page, "main", lambda arguments: seen.append(arguments) or 7)
    assert penstroke("dashboard", "--port", 9000, "--no-open", "--help").status == 7
    assert seen == [["--port", "9000", "--no-open", "--help"]]


@pytest.fixture(autouse=True)
def _short_measurement(monkeypatch: pytest.MonkeyPatch):
    """Whatever else this machine is doing."""
    monkeypatch.setattr(doctor, "SPEED_SECONDS", 0.05)
    monkeypatch.setattr(doctor, "SLOW", 1)


def found(name: str, folder: Path | None = None) -> doctor.Finding:
    """One finding; later checks, the slow ones among them, are not begun."""
    return next(finding for finding in doctor.examine(folder) if finding.name == name)


def test_the_doctor_finds_this_machine_well(penstroke: Penstroke, monkeypatch: pytest.MonkeyPatch):
    """A line for each check, and one verdict; the same to programs."""
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    said = penstroke("doctor")
    assert said.status == 0
    for name in ("python", "packages", "page", "browser", "port", "runs", "mnist", "torch", "speed"):
        assert f" {name}: " in said.out
    assert "✗" not in said.out
    assert said.out.splitlines()[-1] == "This will work, offline too."
    record = penstroke("doctor", "--json").record
    assert record["well"] is True
    assert {finding["verdict"] for finding in record["findings"]} <= {"good", "note"}


def test_a_patient_gets_status_1_and_a_mend(penstroke: Penstroke, monkeypatch: pytest.MonkeyPatch):
    """Here: no browser."""
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    said = penstroke("doctor")
    assert said.status == 1
    assert "✗ browser: no browser found\n    Install one" in said.out


def test_damaged_images_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """One flipped pixel changes the MD5."""
    whole = doctor.bundled_mnist()
    content = bytearray(gzip.decompress(whole[3].read_bytes()))
    content[100] ^= 1
    changed = tmp_path / whole[3].name
    changed.write_bytes(gzip.compress(content))
    monkeypatch.setattr(doctor, "bundled_mnist", lambda: (*whole[:3], changed))
    assert found("mnist").says == f"{changed} is not what was published"


def test_a_taken_port_is_a_note():
    """Another one will be used."""
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", doctor.PORT))
        except OSError:
            pass  # someone else's dashboard does as well
        else:
            taken.listen()
        finding = found("port")
    assert finding.verdict == "note"
    assert f"({doctor.PORT} is taken" in finding.says


def test_a_runs_folder_that_cannot_be_used_is_bad(tmp_path: Path):
    """A file stands in its place."""
    (tmp_path / "file").write_text("")
    finding = found("runs", tmp_path / "file")
    assert finding.verdict == "bad"
    assert "cannot be used" in finding.says


def test_a_full_disk_is_bad(monkeypatch: pytest.MonkeyPatch):
    """Less than a gigabyte is not an evening's room."""
    usage = doctor.shutil.disk_usage(".")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage._replace(free=2 * 10**8))
    assert found("runs").says.startswith("only 0.2 GB free")


def test_a_mismatched_pair_is_bad(monkeypatch: pytest.MonkeyPatch):
    """The sentence is the data sets' own."""

    def broken() -> None:
        raise DataError("torch 2.13 and torchvision 0.28 do not work together.")

    monkeypatch.setattr(doctor, "import_torchvision", broken)
    assert found("torch").verdict == "bad"


def test_a_package_too_old_is_bad(monkeypatch: pytest.MonkeyPatch):
    """Named with what is there and what is asked for."""
    real = doctor.version
    monkeypatch.setattr(doctor, "version", lambda name: "1.50.0" if name == "streamlit" else real(name))
    assert "streamlit is 1.50.0, not" in found("packages").says


def test_a_slow_machine_is_bad(monkeypatch: pytest.MonkeyPatch):
    """Measured, not guessed."""
    monkeypatch.setattr(doctor, "SLOW", 10**12)
    finding = found("speed")
    assert finding.verdict == "bad"
    assert "images/s with the default settings" in finding.says


def test_a_check_that_breaks_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch):
    """It is a finding like any other."""
    monkeypatch.setattr(doctor, "requires", lambda name: ["not a requirement !!"])
    assert found("packages").says.startswith("The check itself failed: InvalidRequirement")
    assert found("page").verdict == "good"


def test_json_is_strict(penstroke: Penstroke, capsys: pytest.CaptureFixture[str]):
    """NaN and infinity are null, as JSON has no word for them."""
    from sae_core.cli.terminal import print_json

    print_json({"fvu": float("nan"), "inner": [float("inf"), 1.5]})
    assert json.loads(capsys.readouterr().out) == {"fvu": None, "inner": [None, 1.5]}
