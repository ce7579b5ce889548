"""Every folder here holds a wrong organic-mail.toml and, in stderr.txt, what `serve` says about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from organic_mail.cli import main

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/organic-mail.toml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_serve_names_key_line_and_cure(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "organic-mail.toml").write_bytes((folder / "organic-mail.toml").read_bytes())
    monkeypatch.setattr("sys.argv", ["organic-mail", "--home", str(tmp_path), "serve"])
    with pytest.raises(SystemExit) as ended:
        main.run()
    said = capsys.readouterr()
    assert said.err.replace(str(tmp_path), "HOME") == (folder / "stderr.txt").read_text("utf-8")
    assert (ended.value.code, said.out) == (1, "")
    assert [path.name for path in tmp_path.iterdir()] == ["organic-mail.toml"]  # nothing was made


def test_every_folder_is_run() -> None:
    assert len(FOLDERS) > 30
