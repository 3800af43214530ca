"""Nothing stays on the CPU when the model goes to a GPU: the project's own code on fake CUDA tensors, without a GPU.

A fake tensor has a shape, a type and a device but no values; an operation on tensors of two devices raises, as on a
GPU. Not seen this way: numbers, and what asks for a driver, as Lightning's trainer, torch's backward engine (`backward`
stands in for it) and random generators on the GPU do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from experiments import small_config
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import architectures
from bench.data.assets import Assets
from bench.data.batches import Step
from bench.data.counts import zero_counts
from bench.evaluation import evaluate, scorers, scoring
from bench.evaluation.selftest.language import Known
from bench.experiment import execute
from bench.models.codec import encode_images
from bench.training.module import FusionModule

CUDA = torch.device("cuda", 0)
aten = torch.ops.aten
READINGS = (aten._local_scalar_dense.default, aten.item.default, aten.is_nonzero.default)
every = pytest.mark.parametrize("name", sorted(architectures.catalogue()))


class Answers(TorchDispatchMode):
    """Gives what only values could give, and checks what fake tensors leave unchecked.

    A number that is read is 0 or False, one place is not 0, and a mask of rows holds for all of them.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in args:
            if isinstance(tensor, FakeTensor):
                tensor.constant = None  # else what is known of it would be computed, on the GPU as well
        if func in READINGS:
            return False if args[0].dtype == torch.bool else 0.0 if args[0].is_floating_point() else 0
        if func is aten.nonzero.default:
            return args[0].new_zeros((1, args[0].dim()), dtype=torch.long)
        if func is aten.index.Tensor and len(args[1]) == 1 and args[1][0].dtype == torch.bool:
            (mask,) = args[1]
            assert mask.device == args[0].device
            return args[0].flatten(0, mask.dim() - 1).clone()
        if func.name().startswith("aten::_foreach"):
            assert len({tensor.device for each in args if isinstance(each, list) for tensor in each}) == 1, func
        return func(*args, **(kwargs or {}))


def moved(module: nn.Module, fn: Any, recurse: bool = True) -> nn.Module:
    """`nn.Module._apply` for fake tensors, which cannot be put into another's place."""
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.fake_device = fn(tensor).device
    return module


def as_numpy(tensor: Tensor) -> np.ndarray:
    """Zeros for a fake tensor, which must be on the CPU, as for a real one."""
    assert tensor.device.type == "cpu", f"no NumPy array is made of a tensor on {tensor.device}"
    return np.zeros(tensor.shape, str(tensor.dtype).removeprefix("torch."))


def faked(module: nn.Module, mode: FakeTensorMode) -> None:
    """Replace parameters and buffers by fake ones in place."""
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            for key, tensor in tensors.items():
                if tensor is not None and not isinstance(tensor, FakeTensor):
                    tensors[key] = mode.from_tensor(tensor)


def backward(loss: Tensor) -> None:
    """Give every parameter its gradient, node by node: torch's own engine asks for the driver of CUDA's streams."""
    order, seen = [], set()

    def visit(node: Any) -> None:
        if node is not None and node not in seen:
            seen.add(node)
            for following, _ in node.next_functions:
                visit(following)
            order.append(node)

    visit(loss.grad_fn)
    arrived: dict[Any, dict[int, Tensor]] = defaultdict(dict)
    arrived[loss.grad_fn][0] = torch.ones_like(loss)
    for node in reversed(order):
        given = [
            arrived[node].get(place, torch.zeros(meta.shape, dtype=meta.dtype, device=meta.device))
            for place, meta in enumerate(node._input_metadata)
        ]
        assert all(one.device == meta.device for one, meta in zip(given, node._input_metadata, strict=True)), node
        if hasattr(node, "variable"):
            node.variable.grad = given[0]
            continue
        made = node(*given)
        made = made if isinstance(made, tuple) else (made,)
        for (following, place), one in zip(node.next_functions, made, strict=True):
            if following is not None and one is not None:
                one, before = one.sum_to_size(following._input_metadata[place].shape), arrived[following].get(place)
                arrived[following][place] = one if before is None else before + one


@pytest.fixture
def fake(tmp_path, monkeypatch) -> Iterator[Callable[..., tuple[execute.Experiment, Step]]]:
    """Make the parts of a small run, and its first step, of fake tensors on the CPU; tests go on among fake ones."""
    with ExitStack() as among:

        def make(name: str) -> tuple[execute.Experiment, Step]:
            monkeypatch.setattr(execute, "assets_of", Assets)  # one of its own: its networks are spoilt
            config = small_config(tmp_path, f"model.architecture={name}", "train.precision=float32")
            parts = execute.prepare(config)
            assets, step = parts.assets, parts.mixture[0]
            assets.encoded("test")
            for network in (scorers.feature_net(assets, config), scorers.image_text_model(assets, config)[0]):
                networks.append(network)
            monkeypatch.setattr(nn.Module, "_apply", moved)
            monkeypatch.setattr(FakeTensor, "numpy", as_numpy, raising=False)
            monkeypatch.setattr(FakeTensor, "__deepcopy__", lambda self, memo: self.clone(), raising=False)
            mode = among.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
            among.enter_context(Answers())
            for network in (parts.module.model, assets.llm, assets.vae, *networks):
                faked(network, mode)
            return replace(parts, module=FusionModule(parts.module.model, config.train)), step

        networks: list[nn.Module] = []
        yield make


def on_gpu(module: FusionModule) -> FusionModule:
    """As the trainer puts it there: what a checkpoint holds is loaded before."""
    seen = zero_counts(module.train_config.tasks)
    module.on_load_checkpoint({"average": module.average.state_dict(), "train_seconds": 0.0, "seen": seen})
    module.to(CUDA)
    module.on_fit_start()
    return module


@every
def test_training_and_its_average_follow_the_model(fake, name):
    parts, step = fake(name)
    module = on_gpu(parts.module)
    assert module.device == module.model.device == CUDA
    terms = module.terms(module.transfer_batch_to_device(step, CUDA, 0))
    losses = module.total(terms)
    assert {loss.device for loss in losses.values()} == {CUDA} and len(losses) == 3
    backward(losses["loss"])
    assert all(parameter.grad.device == CUDA for parameter in module.average.trained.values())
    optimizer = module.configure_optimizers()
    optimizer["optimizer"].step()
    module.average.update()
    assert {average.device for average in module.average.average.values()} == {CUDA}
    with module.average.applied():
        assert {parameter.device for parameter in module.parameters()} == {CUDA}
    module.average.hold()


@every
def test_evaluation_takes_all_networks_to_the_model(fake, name):
    """Drawing with guidance, describing, the autoencoder both ways, and every metric that a network measures."""
    parts, _ = fake(name)
    module, assets = on_gpu(parts.module), parts.assets
    assets.exam, texts, assets.texts = assets.exam[:4], assets.texts[:1], []
    assert parts.config.eval.guidance_scale != 1
    with module.average.applied():
        found = evaluate.evaluate(module.model, assets, parts.config)
    assert {"fid", "clip_score", "image_attributes", "exam"} <= set(found.scores)
    assert found.scores["exam"].before is not None
    assert {p.device for network in (assets.llm, assets.vae) for p in network.parameters()} == {CUDA}
    assert encode_images(assets.vae, np.stack([sample.image for sample in found.samples["t2i"]])).device == CUDA
    assets.texts = texts
    for model in (module.model, *(Known(ahead, len(assets.tokenizer), CUDA) for ahead in range(3))):
        with pytest.raises(ZeroDivisionError):  # no tokens: their number is what a fake tensor cannot know
            scoring.language_scores(model, assets, parts.config)
