"""The contract every architecture keeps; parametrized over what is found, so a new one is tested unasked.

The invariants are those of docs/design.md.
"""

from __future__ import annotations

import copy
from itertools import product

import literal
import pytest
import torch
from tiny_fusion import CHANNELS, IMAGE_TOKENS, SIDE, VOCABULARY, build, train_on_both_tasks

import architectures
from architectures.patches import ImageTokens
from architectures.sequence import Image, Past, Text
from bench.models.weights_digest import parameters_digest

ROWS = 3


def variants(which=lambda description, options: True) -> list:
    """Every architecture with every combination of its options' choices."""
    found = []
    for name, description in architectures.catalogue().items():
        choices = {option: values for option, values in description.options.items() if isinstance(values, tuple)}
        for values in product(*choices.values()):
            options = dict(zip(choices, values, strict=True))
            if which(description, options):
                told = [f"{option}={value}" for option, value in options.items() if value != choices[option][0]]
                found.append(pytest.param(name, options, id="-".join([name, *told])))
    return found


every = pytest.mark.parametrize(("name", "options"), variants())
every_frozen = pytest.mark.parametrize(
    ("name", "options"), variants(lambda description, options: description.language_frozen(options))
)


def text(seed: int, lengths: list[int] | None) -> Text:
    random = torch.Generator().manual_seed(seed)
    size = max(lengths) if lengths else 7
    ids = torch.randint(0, VOCABULARY, (ROWS, size), generator=random)
    return Text(ids, None if lengths is None else torch.tensor(lengths))


def image(seed: int) -> Image:
    random = torch.Generator().manual_seed(seed)
    return Image(torch.randn(ROWS, CHANNELS, SIDE, SIDE, generator=random), torch.rand(ROWS, generator=random))


LAYOUTS = {
    "text": [text(0, None)],
    "text-image": [text(0, None), image(1)],
    "image-text": [image(1), text(0, None)],
    "ragged-text-image": [text(0, [7, 1, 4]), image(1)],
    "image-ragged-text": [image(1), text(0, [2, 9, 5])],
    "image-text-image": [image(1), text(0, [3, 6, 1]), image(2)],
    "text-image-text": [text(0, [3, 6, 1]), image(1), text(2, [8, 2, 5])],
}
layouts = pytest.mark.parametrize("items", LAYOUTS.values(), ids=LAYOUTS.keys())


def valid_states(states: list[torch.Tensor], items: list) -> list[torch.Tensor]:
    """What both ways have: every row's valid tokens, rows and items in order."""
    found = []
    for row in range(ROWS):
        for hidden, item in zip(states, items, strict=True):
            lengths = getattr(item, "lengths", None)
            found.append(hidden[row] if lengths is None else hidden[row, : lengths[row]])
    return found


def gradients(states: torch.Tensor, weights: torch.Tensor, parameters: list) -> list[torch.Tensor]:
    """Of the weighted sum of ``states``, zero where a parameter has no part in it."""
    if not states.requires_grad:
        return [torch.zeros_like(p) for p in parameters]
    return torch.autograd.grad((states * weights).sum(), parameters, allow_unused=True, materialize_grads=True)


@layouts
@every
def test_agrees_with_the_literal_equations(llm, name, options, items):
    """Forward within 1e-5 and gradients within 1e-4 of the reference's norm, in float32."""
    if name not in literal.EQUATIONS:
        pytest.skip("no literal reference for an architecture that the paper does not have")
    model = build(llm, name, **options)
    states, _ = model(items)
    fast = torch.cat(valid_states(states, items))
    slow = torch.cat([piece for row in literal.final_states(model, items) for piece in row])
    assert (fast - slow).norm() <= 1e-5 * slow.norm()

    weights = torch.randn(slow.shape, generator=torch.Generator().manual_seed(3))
    trained = [p for p in model.parameters() if p.requires_grad]
    for mine, theirs in zip(gradients(fast, weights, trained), gradients(slow, weights, trained), strict=True):
        assert (mine - theirs).norm() <= 1e-4 * max(theirs.norm().item(), 1e-3)


@layouts
def test_all_start_as_one_function(llm, items):
    """Invariant 1: at step 0 every architecture computes the same of the same input.

    Not bit for bit: architectures differ in which tokens share a matrix product, and so in its rounding.
    """
    outputs = []
    for name, options in (case.values for case in variants()):
        model = build(llm, name, moved=False, **options)
        states, _ = model(items)
        outputs.append(torch.cat(valid_states(states, items)))
    for other in outputs[1:]:
        assert (outputs[0] - other).norm() <= 1e-6 * outputs[0].norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@every_frozen
def test_language_is_untouched(llm, name, options, dtype):
    """Invariant 2: text-only logits are the language model's own, bit for bit, whatever training does."""
    ids = text(5, None).ids
    cast = copy.deepcopy(llm).to(dtype)
    for moved in (False, True):
        model = build(llm, name, moved=moved, **options).to(dtype)
        assert torch.equal(model.language_logits(ids), cast(ids).logits)


@pytest.mark.parametrize(
    ("name", "options"), variants(lambda description, options: not description.language_frozen(options))
)
def test_training_moves_the_language_that_is_not_frozen(llm, name, options):
    """The check above can fail: what is not declared frozen does move the logits."""
    ids = text(5, None).ids
    assert torch.equal(build(llm, name, moved=False, **options).language_logits(ids), llm(ids).logits)
    assert not torch.equal(build(llm, name, **options).language_logits(ids), llm(ids).logits)


def test_a_gate_without_its_bypass_is_not_declared_frozen():
    gated = architectures.catalogue()["gated_layer"]
    assert gated.language_frozen() and gated.language_frozen({"gate_scope": "global"})
    assert not gated.language_frozen({"text_only_bypass": False})


@pytest.mark.parametrize("name", ["dual_tower", "dual_projection"])
def test_text_before_an_image_is_the_language_models(llm, name):
    """Invariant 2: in [text, image] the text states match the language model's, without a graph to train through."""
    item = text(5, None)
    (states, _), _ = build(llm, name)([item, image(1)])
    expected = llm.model(item.ids).last_hidden_state
    assert not states.requires_grad
    assert torch.equal(llm.model.norm(states), expected)


@every_frozen
def test_frozen_weights_do_not_move(llm, name, options):
    """Invariant 3, over optimizer steps on both tasks; and everything that is trained does move."""
    model = build(llm, name, **options)
    frozen = [(n, p) for n, p in model.named_parameters() if not p.requires_grad]
    before, trained_before = parameters_digest(frozen), {n: p.clone() for n, p in model.named_parameters()}
    train_on_both_tasks(model, [text(0, [7, 1, 4]), image(1)], [image(1), text(0, None)])
    assert parameters_digest(frozen) == before
    still = [n for n, p in model.named_parameters() if p.requires_grad and torch.equal(p, trained_before[n])]
    assert not still


def test_caption_loss_leaves_the_last_vision_block(llm):
    """Invariant 4: text reads image states through frozen weights, so the last vision block's outputs get nothing."""
    model = build(llm, "dual_tower")
    (_, told), _ = model([image(1), text(0, None)])
    model.logits(told).sum().backward()
    last = model.blocks[-1].towers["image"]
    assert all(p.grad is None for p in last.parameters())
    assert all(p.grad is not None for p in model.blocks[0].towers["image"].layer.mlp.parameters())


@every
def test_a_kept_prefix_is_the_full_pass(llm, name, options):
    """Generation is the training forward pass: an image after a kept text, and text token by token."""
    model = build(llm, name, **options)
    prompt, picture = text(0, [7, 1, 4]), image(1)
    with torch.inference_mode():
        (_, expected), _ = model([prompt, picture])
        _, past = model([prompt], Past.empty(("text", "image"), len(model.blocks)))
        for _ in range(2):  # the kept prefix is not spoilt by its use
            (found,), _ = model([picture], past)
            assert (found - expected).norm() <= 1e-6 * expected.norm()

        caption = text(2, None)
        (_, expected), _ = model([picture, caption])
        _, past = model([picture], Past.empty(("image", "text"), len(model.blocks)))
        for position in range(caption.ids.shape[1]):
            (found,), past = model([Text(caption.ids[:, position : position + 1])], past)
            torch.testing.assert_close(found[:, 0], expected[:, position], rtol=1e-4, atol=1e-5)


@every
def test_batches_together_are_batches_apart(llm, name, options):
    """Layouts that share their matrix products do not meet: states and gradients are those of one pass each."""
    batches = [
        ([text(0, [7, 1, 4]), image(1)], [False, True]),
        ([image(2), text(3, [3, 5, 6])], [False, True]),
        ([text(4, [2, 7, 7])], [True]),
    ]

    def learn(run) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        model = build(llm, name, **options)
        states = [parts[-1] for parts in run(model)]
        sum(part.square().mean() for part in states).backward()
        return states, [p.grad for p in model.parameters() if p.grad is not None]

    together = learn(lambda model: model.forward_many(batches))
    apart = learn(lambda model: [model(items, needs_output=needed)[0] for items, needed in batches])
    for mine, theirs in zip(together, apart, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert (one - other).norm() <= 1e-5 * other.norm()


@layouts
@every
def test_states_after_each_layer_are_the_equations(llm, name, options, items):
    """Those of layer k are the literal final states of the first k blocks; 0 are the embeddings."""
    if name not in literal.EQUATIONS:
        pytest.skip("no literal reference for an architecture that the paper does not have")
    model = build(llm, name, **options)
    with torch.no_grad():
        found = model.hidden_states([(items, [False] * len(items))], layers=range(model.depth))
        assert list(found) == list(range(model.depth))
        for layer, (states,) in found.items():
            first = copy.copy(model)
            first._modules = model._modules | {"blocks": model.blocks[:layer]}
            expected = torch.cat([piece for row in literal.final_states(first, items) for piece in row])
            assert (torch.cat(valid_states(states, items)) - expected).norm() <= 1e-5 * expected.norm()


@pytest.mark.parametrize("name", ["dual_projection", "dual_tower"])
def test_a_constant_prefix_stays_one_beside_text_that_is_none(llm, name):
    """Text before an image carries no graph where frozen weights alone read it, though other text goes with it."""
    model = build(llm, name)
    prompt, picture, caption = text(0, [7, 1, 4]), image(1), text(2, [7, 7, 7])
    drawn, told = model.forward_many([([prompt, picture], [True, True]), ([picture, caption], [True, True])])
    assert [part.requires_grad for part in (*drawn, *told)] == [False, True, True, True]


@every
def test_rows_do_not_see_each_other(llm, name, options):
    """A row's result is the same alone, and whatever stands in another row or in the padding."""
    model = build(llm, name, **options)
    prompt, picture = text(0, [7, 2, 4]), image(1)
    (_, expected), _ = model([prompt, picture])
    alone = [Text(prompt.ids[1:2, :2]), Image(picture.latents[1:2], picture.sigma[1:2])]
    torch.testing.assert_close(model(alone)[0][1][0], expected[1], rtol=1e-4, atol=1e-5)
    other = prompt.ids.clone()
    other[1, 2:] = 3
    torch.testing.assert_close(model([Text(other, prompt.lengths), picture])[0][1], expected)


@every
@pytest.mark.parametrize(
    "changes",
    [{"positions": "shared"}, {"delimiters": True}, {"attention": "causal"}, {"time_conditioning": "none"}],
    ids=str,
)
def test_image_token_options(llm, name, options, changes):
    """Each option that fills a gap of the paper changes the function, keeps shapes and can be trained."""
    settings = {**IMAGE_TOKENS.__dict__, **changes}
    prompt, picture = text(0, [7, 2, 4]), image(1)
    plain, changed = (
        build(llm, name, tokens, moved=False, **options) for tokens in (IMAGE_TOKENS, ImageTokens(**settings))
    )
    (_, states), _ = changed([prompt, picture])
    velocity = changed.velocity(states)
    assert velocity.shape == picture.latents.shape
    assert not torch.allclose(velocity, plain.velocity(plain([prompt, picture])[0][1]))
    velocity.sum().backward()


def test_causal_image_attention_hides_later_patches(llm):
    model = build(llm, "dual_tower", ImageTokens(CHANNELS, SIDE, attention="causal"))
    first = image(1)
    changed = Image(first.latents.clone(), first.sigma)
    changed.latents[:, :, -1, -1] += 1
    before, after = (model([text(0, [7, 2, 4]), item])[0][1] for item in (first, changed))
    torch.testing.assert_close(before[:, :-1], after[:, :-1])
    assert not torch.allclose(before[:, -1], after[:, -1])


@pytest.mark.parametrize("patch_size", [1, 2])
def test_patches_and_head_keep_every_value_in_place(llm, patch_size):
    """Head and patchify are each other's inverse in layout: identity weights give the latents back."""
    width = llm.config.hidden_size
    model = build(llm, "single_tower", ImageTokens(CHANNELS, SIDE, patch_size, time_conditioning="none"), moved=False)
    patches, values = model.patches, CHANNELS * patch_size**2
    patches.norm = torch.nn.Identity()
    with torch.no_grad():
        patches.project.weight.copy_(torch.eye(width, values))
        patches.output.weight.copy_(torch.eye(values, width))
        patches.project.bias.zero_()
        patches.output.bias.zero_()
    latents = image(1).latents
    torch.testing.assert_close(patches.head(patches(latents, torch.zeros(ROWS))), latents)


def test_shared_gate_is_one_parameter(llm):
    model = build(llm, "gated_layer", gate_scope="global")
    assert len({id(block.gate) for block in model.blocks}) == 1


@every
def test_the_language_model_given_is_left_alone(llm, name, options):
    before = parameters_digest(llm.named_parameters())
    build(llm, name, **options)
    assert parameters_digest(llm.named_parameters()) == before
    assert all(p.requires_grad for p in llm.parameters())


@every
def test_what_is_trained_does_not_depend_on_what_could_be(llm, name, options):
    """A language model that comes frozen gives the same trained parameters as one that does not."""
    frozen = copy.deepcopy(llm).requires_grad_(False)
    trained, expected = (
        {n for n, p in build(source, name, **options).named_parameters() if p.requires_grad} for source in (frozen, llm)
    )
    assert trained == expected
    assert any(n.startswith("blocks.") for n in trained)
