"""The same experiment on a user's own pictures: 64 x 64, words the tokenizer does not know, no ground truth."""

from __future__ import annotations

from coco_files import write_captions
from experiments import small_config

from bench.experiment import execute
from bench.runs.identity import run_folder


def test_a_coco_folder_is_trained_and_scored(tmp_path, coco_folder):
    names = [f"{i}.png" for i in range(43)]
    captions = ("a żółty łoś, drawn twice", "🫎", "something else")
    write_captions(coco_folder / "captions_train.json", names[:40], captions)
    write_captions(coco_folder / "captions_val.json", names[40:], captions, first=40)
    settings = ["data.name=coco", f"data.root={coco_folder}", "data.image_size=64"]
    config = small_config(tmp_path, *settings)
    result = execute.run(config)
    assert result["n_images"] == result["n_captions"] == 3  # all there are
    assert "does not rank" in result["metrics"]["fid"]["note"]
    assert not any("attributes" in name for name in result["metrics"])  # there is no truth to hold them against

    coco_folder.rename(tmp_path / "moved")
    moved = small_config(tmp_path, "data.name=coco", f"data.root={tmp_path / 'moved'}", "data.image_size=64")
    assert run_folder(moved).path == run_folder(config).path
