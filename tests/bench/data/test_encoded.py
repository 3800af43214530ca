"""Encoded splits: made once, the same as encoding by hand, and never half-written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from experiments import small_config

from bench.data.assets import Assets
from bench.data.encoded import Source, encoded_split
from bench.models.codec import decode_latents, encode_images, padded, token_ids


@pytest.fixture(scope="module")
def assets(tmp_path_factory) -> Assets:
    return Assets(small_config(tmp_path_factory.mktemp("encoded")))


def test_latents_and_tokens_are_the_pictures_own(assets):
    encoded, pictures = assets.encoded("test"), assets.images("test")
    image = torch.from_numpy(pictures.images([3])).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        mean = assets.vae.encode(image).latent_dist.mean[0]
    expected = (mean - assets.vae.config.shift_factor) * assets.vae.config.scaling_factor
    torch.testing.assert_close(torch.from_numpy(encoded.latents[3].copy()), expected, rtol=1e-4, atol=1e-4)
    for caption, ids, length in zip(pictures.captions(3), encoded.tokens[3], encoded.lengths[3], strict=True):
        assert (ids[length:] == 0).all()
        assert ids[0] == assets.tokenizer.bos_token_id and ids[length - 1] == assets.tokenizer.eos_token_id
        assert assets.tokenizer.decode(ids[1 : length - 1]).strip() == caption


def test_latents_have_about_unit_size(assets):
    latents = assets.encoded("train").latents
    assert abs(latents.mean()) < 0.2 and 0.7 < latents.std() < 1.3


def test_decoding_undoes_encoding(assets):
    images = assets.images("test").images(range(8))
    rebuilt = decode_latents(assets.vae, encode_images(assets.vae, images))
    assert rebuilt.dtype == np.uint8 and rebuilt.shape == images.shape
    assert np.abs(rebuilt.astype(int) - images).mean() < 6  # levels of 255


def test_latents_do_not_depend_on_the_precision_of_whoever_asks_first(assets):
    images = assets.images("test").images(range(4))
    with torch.autocast("cpu", torch.bfloat16):
        asked_in_an_evaluation = encode_images(assets.vae, images)
    assert torch.equal(asked_in_an_evaluation, encode_images(assets.vae, images))


def test_made_once_and_whole(tmp_path):
    """A second call reads the cache; one that is interrupted leaves nothing that a later one would take for whole."""
    config = small_config(tmp_path, f"runtime.cache={tmp_path / 'cache'}", "data.test_size=4")
    assets = Assets(config)

    def broken() -> Source:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoded_split(config, "test", broken)
    first = assets.encoded("test")
    assert len(encoded_split(config, "test", broken)) == len(first) == 4
    assert [path.name for path in (tmp_path / "cache" / "encoded").iterdir() if not path.name.startswith(".")]


def test_unknown_words_fall_back_to_bytes(assets):
    text = "łódź 🚲 zzyzx"
    (ids,) = token_ids(assets.tokenizer, [text])
    assert assets.tokenizer.decode(ids[1:-1]).strip() == text


def test_padding():
    ids, lengths = padded([[1, 2, 3], [4]])
    assert ids.tolist() == [[1, 2, 3], [4, 0, 0]] and lengths.tolist() == [3, 1]


def test_the_longest_sequence_is_that_of_a_layout(assets):
    assets.config.eval.max_caption_tokens = 300
    image = (assets.latent_shape[1] // assets.config.model.patch_size) ** 2
    layouts = [("image", "text"), ("image", "text", "image")]
    assert [assets.longest_sequence(assets.config, layouts[:n]) for n in (1, 2)] == [image + 301, 2 * image + 301]
