"""The zoo's language model and CLIP as shipped: they load like any others, and know what their cards claim."""

from __future__ import annotations

import copy
import json
import random
import re

import pytest
import torch

from bench.config.part_files import WEIGHTS, resolve
from bench.evaluation.metrics.language import exam
from bench.models.pretrained import load_clip, load_llm, weights_digest
from bench.scenes.grammar import captions, parse, vocabulary
from bench.scenes.scene import POSITIONS, sample_scenes
from bench.system.errors import UserError
from bench.zoo import train_clip, train_llm
from bench.zoo.alterations import altered, same_image
from bench.zoo.new_llm import new_llm
from bench.zoo.text import corpus, curriculum, packing
from bench.zoo.text.questions import distinction, yes_or_no

WORDINGS_END = r"\. | means |, in other words "  # a scene of one object is part of many of two: whole wordings count


@pytest.fixture(scope="module")
def llm():
    return load_llm("embedded")


def greedy(model, tokenizer, prompt: str, tokens: int) -> str:
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    written = model.generate(ids, max_new_tokens=tokens, do_sample=False)[0, ids.shape[1] :]
    return tokenizer.decode(written, skip_special_tokens=True)


def exam_rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in (WEIGHTS / "llm" / "exam.jsonl").read_text(encoding="utf-8").splitlines()]


def test_llm_loads_in_float32_with_sdpa(llm):
    model, _ = llm
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.config._attn_implementation == "sdpa"
    assert not model.training


def test_any_text_survives_the_tokenizer(llm):
    _, tokenizer = llm
    rng = random.Random(0)
    pools = ["abc XYZ .,;'", "0123456789 +=", "éßжλ中あ🙂👩‍🚀", " \t\n\r\u2028\u00a0"]
    texts = ["", " ", "a red circle", "  two  spaces ", "Seedling, young", "23 + 45 = 68"]
    texts += ["".join(rng.choice(rng.choice(pools)) for _ in range(30)) for _ in range(300)]
    for text in texts:
        assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


def test_every_word_is_one_token_wherever_it_stands(llm):
    _, tokenizer = llm
    for word in vocabulary():
        first = tokenizer(word).input_ids
        inside = tokenizer(f"a {word}").input_ids
        assert len(first) == 2 and first[0] == tokenizer.bos_token_id
        assert inside[2:] == first[1:]


def test_a_prompt_and_its_answer_are_tokens_of_the_whole(llm):
    _, tokenizer = llm
    for row in exam_rows():
        parts = tokenizer(row["prompt"]).input_ids + tokenizer(row["answer"], add_special_tokens=False).input_ids
        assert parts == tokenizer(f"{row['prompt']} {row['answer']}").input_ids


def test_exam_is_what_generation_writes(llm):
    """On a sample, answer by answer; and nine in ten of all are right."""
    rows = exam_rows()
    right = exam(lambda ids, lengths: llm[0](ids).logits, llm[1], rows).per_item
    for index in random.Random(0).sample(range(len(rows)), 64):
        size = len(llm[1](rows[index]["answer"], add_special_tokens=False).input_ids)
        assert (greedy(*llm, rows[index]["prompt"], size) == rows[index]["answer"]) == right[index]
    assert sum(right) / len(right) >= 0.9


def test_the_exam_is_true():
    for row in exam_rows():
        if row["kind"] == "sum":
            a, b = row["prompt"].removesuffix(" =").split(" + ")
            assert int(a) + int(b) == int(row["answer"])
        elif "what colour is the background?" in row["prompt"]:
            assert parse(row["prompt"].split(". ")[0]).background == row["answer"]


def test_training_texts_hold_nothing_of_the_exam():
    prompts = [row["prompt"] for row in exam_rows()]
    documents = corpus.documents(4000, seed=3)
    seen, parts = "\n".join(documents), {part for text in documents for part in re.split(WORDINGS_END, text)}
    sums = [p for p in prompts if "+" in p]
    assert not any(p in seen or " + ".join(reversed(p[:-2].split(" + "))) + " =" in seen for p in sums)
    assert not any(p.split(". ")[0] in parts for p in prompts if "+" not in p)
    assert corpus.exam() == exam_rows()


def test_every_phase_draws_its_own_documents(llm):
    """Rows are full of whole documents, each token once; what begins a document or pads a row is no target."""
    _, tokenizer = llm
    starts = []
    for phase in curriculum.PHASES:
        assert sum(phase.shares.values()) == pytest.approx(1)
        batch = next(packing.batches(tokenizer, phase.shares, phase.first_draw))
        assert batch.ids.shape == (packing.ROWS, packing.ROW_TOKENS)
        padding = batch.documents < 0
        assert ((batch.weights == 0) == (padding | (batch.positions == 0))).all()
        assert padding.float().mean() < 0.25
        assert (batch.ids[(batch.positions == 0) & ~padding] == tokenizer.bos_token_id).all()
        starts.append(tokenizer.decode(batch.ids[0]))
    assert len(set(starts)) == len(starts)


def test_pairs_are_told_again_in_another_order_or_each_reversed():
    ways = set()
    for text in corpus.documents(50, seed=1, shares={"pairs": 1.0}):
        words = text.replace(",", "").split()
        middle = len(words) // 2
        told, again = words[:middle], words[middle + 1 :]
        ways.add(words[middle])
        again = again if words[middle] == "again" else again[::-1]
        assert 4 <= len(told) <= 32
        assert sorted(zip(told[::2], told[1::2], strict=True)) == sorted(zip(again[::2], again[1::2], strict=True))
    assert ways == {"again", "reversed"}


@pytest.mark.parametrize("phase", curriculum.PHASES, ids=lambda phase: phase.name)
def test_every_parameter_has_one_optimizer_and_the_rate_stays_in_bounds(llm, phase):
    model = copy.deepcopy(llm[0])
    held = [id(p) for optimizer in phase.optimizers(model) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    rates = [phase.rate(step) for step in range(phase.steps)]
    assert min(rates) > 0 and max(rates) == 1.0 and rates[0] == 1 / curriculum.WARMUP


def test_groups_answer_with_the_group_of_the_word_asked_for():
    texts = corpus.documents(50, seed=1, shares={"groups": 1.0})
    for told, *asked in (text.split(". ") for text in texts if ", " in text):  # "and" can be a word of a group, too
        together = [group.split() for group in told.split(", ")]
        assert len({len(group) for group in together}) == 1
        for question in asked:
            word, answer = question.split("? ")
            assert word in answer.split() and answer.split() in together


def test_a_distinction_is_true_of_one_object():
    rng = random.Random(0)
    for scene in sample_scenes("zoo", 500, 2, seed=8):
        asked, answer = distinction(scene, rng)
        assert [answer in vars(o).values() for o in scene.objects].count(True) == 1 and asked.endswith("?")


def test_questions_about_places_are_of_objects_in_one_row_and_name_a_place():
    for text in corpus.documents(50, seed=1, shares={"places": 1.0}):
        told, *asked = text.split(". ")
        first, second = (one.position.split()[0] for one in parse(told).objects)
        assert first == second
        assert all(f"{first} " in question for question in asked)


def test_notes_and_pictures_tell_what_the_caption_after_them_tells():
    for kind in ("notes", "pictures"):
        for text in corpus.documents(50, seed=1, shares={kind: 1.0}):
            told, caption = re.split(" means |, in other words ", text)
            scene, found = parse(caption), [sorted(part.split()) for part in told.split(", ")]
            at = {one.position: f"{one.size} {one.colour} {one.shape}" for one in scene.objects}
            if kind == "notes":
                truth = [scene.background, *(f"{what} {place}" for place, what in at.items())]
                assert sorted(found) == sorted(sorted(part.split()) for part in truth)
            else:
                assert found == [sorted(at.get(place, str(scene.background)).split()) for place in POSITIONS]


def test_a_new_model_looks_for_the_same_word(llm):
    """Its first head of each layer's key groups, positions aside, scores a word's own mentions highest."""
    torch.manual_seed(0)
    model = new_llm(llm[1])
    table = model.model.embed_tokens.weight[3:]
    e = torch.nn.functional.rms_norm(table, table.shape[1:])  # (words, hidden)
    for layer in model.model.layers:
        query = layer.self_attn.q_proj(e).unflatten(-1, (4, 32))[:, ::2]  # (words, groups, head_dim)
        key = layer.self_attn.k_proj(e).unflatten(-1, (2, 32))  # (words, groups, head_dim)
        found = torch.einsum("qgd,kgd->gqk", query, key).argmax(-1)  # (groups, words)
        assert (found == torch.arange(len(e))).float().mean() > 0.9
    assert (model.lm_head(e).argmax(-1) == torch.arange(3, 3 + len(e))).float().mean() > 0.99


def test_yes_and_no_balance():
    rng = random.Random(0)
    answers = [yes_or_no(scene, rng)[1] for scene in sample_scenes("zoo", 4000, 2, seed=5)]
    assert abs(answers.count("yes") - answers.count("no")) < 0.05 * len(answers)


def test_words_stay_apart(llm):
    assert train_llm.largest_cosine(*llm) <= 0.5


def test_the_model_goes_on_with_a_caption_to_its_end(llm):
    text = greedy(*llm, "a small red circle at the top", 30)
    assert parse(f"a small red circle at the top {text}".split(",")[0]).background is not None


def test_alterations_differ_in_what_is_shown():
    rng = random.Random(0)
    for objects in (1, 2):
        for scene in sample_scenes("zoo", 200, objects, seed=6):
            other = altered(scene, rng)
            assert same_image(other) != same_image(scene)
            assert len({o.position for o in other.objects}) == objects


def test_clip_finds_each_among_256():
    measured = train_clip.measure(*load_clip("embedded"))
    for name, bound in train_clip.BOUNDS.items():
        assert measured[name] >= bound, name


def test_clip_reads_a_caption_through_padding_and_truncation():
    model, processor = load_clip("embedded")
    short = captions(sample_scenes("zoo", 1, 1, seed=7)[0])[0]
    alone = train_clip.embed_texts(model, processor, [short])
    padded = train_clip.embed_texts(model, processor, [short, " and ".join([short] * 30)])
    torch.testing.assert_close(alone[0], padded[0], atol=1e-5, rtol=0)
    long = processor(text=[" and ".join([short] * 30)], truncation=True).input_ids[0]
    assert len(long) == model.config.text_config.max_position_embeddings
    assert long[-1] == processor.tokenizer.eos_token_id


def test_digest_names_what_is_loaded(tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "README.md").write_text("a card", encoding="utf-8")
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text("{} ", encoding="utf-8")
    embedded = weights_digest("embedded", "llm")
    assert len(embedded) == 12 and embedded == weights_digest(str(WEIGHTS / "llm"), "llm")
    assert weights_digest(str(other), "llm") != weights_digest(str(tmp_path), "llm")


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "nowhere"])
def test_a_missing_folder_is_one_line(name):
    with pytest.raises(UserError, match="no folder") as caught:
        resolve(name, "llm")
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def measured():
    return train_llm.check()


@pytest.mark.slow
def test_every_part_of_the_exam_is_bounded(measured):
    parts = {f"exam_{row['kind'].replace(' ', '_')}" for row in exam_rows()}
    assert {"exam", *parts} == set(train_llm.EXAMS) <= set(train_llm.BOUNDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", train_llm.BOUNDS)
def test_llm_keeps_its_bounds(measured, name):
    assert measured[name] >= train_llm.BOUNDS[name]


@pytest.mark.slow
def test_llm_binds_in_scenes_drawn_afresh(llm):
    """Questions whose answer is true of one of the two objects only: by guessing between them, half would be right."""
    rng = random.Random(11)
    scenes = sample_scenes("zoo", 1024, 2, seed=11)
    asked = [(rng.choice(captions(scene)), *distinction(scene, rng)) for scene in scenes]
    rows = [{"prompt": f"{caption}. {what}", "answer": answer} for caption, what, answer in asked]
    assert exam(lambda ids, lengths: llm[0](ids).logits, llm[1], rows).value >= 0.95
