"""The four architectures, one layer of each: whose weights make keys and values, and whose transform a token."""

from __future__ import annotations

from dataclasses import dataclass

from docs.figures.svg import Drawing

TEXT, IMAGE = "text", "image"
BOTH = (TEXT, IMAGE)


@dataclass(frozen=True)
class Block:
    """Weights of one layer."""

    name: str
    trained: bool
    reads: tuple[str, ...]  # modalities whose keys and values it makes
    transforms: tuple[str, ...]  # modalities whose tokens it transforms


@dataclass(frozen=True)
class Layer:
    """A layer of an architecture: its blocks from left to right."""

    title: str
    formula: str
    keys_values: str  # whose weights make a token's keys and values
    blocks: tuple[Block, ...]
    joint: bool = False  # one attention over the keys and values of all blocks
    gated: bool = False  # outputs are added, the second times g


LAYERS = (
    Layer("single tower", "H = F(E)", "by the only block, which is trained", (Block("F", True, BOTH, BOTH),)),
    Layer(
        "gated layer", "H = F_txt(E) + g · F_gate(E)", "by each of two full blocks, for itself",
        (Block("F_txt", False, BOTH, BOTH), Block("F_gate", True, BOTH, BOTH)), gated=True,
    ),
    Layer(
        "dual projection", "Q, K, V and MLP by modality", "by the token's own modality",
        (Block("text", False, (TEXT,), (TEXT,)), Block("vision", True, (IMAGE,), (IMAGE,))), joint=True,
    ),
    Layer(
        "dual tower", "H_txt = F_txt(E),  H_img = F_img(E)", "by each tower for itself, of all tokens",
        (Block("F_txt", False, BOTH, (TEXT,)), Block("F_img", True, BOTH, (IMAGE,))),
    ),
)  # fmt: skip

WIDTH, HEIGHT, GAP = 430, 400, 16  # of a panel, and between two
MIDDLE = {TEXT: 114, IMAGE: 316}  # x of the tokens of a modality, and of the block that stands above them
CENTRE = sum(MIDDLE.values()) / 2
TOKEN, TOKENS = 20, 4  # side of a token's square; tokens drawn of each modality
OUTPUT, BLOCK, INPUT = 76, 154, 344  # y of the tokens that come out, of the blocks, of the tokens that go in
BLOCK_WIDTH, BLOCK_HEIGHT = 184, 142
PARTS = {"MLP": 30, "attention": 67, "keys": 104}  # y inside a block
PART = 30  # height of a part
QUERIES = 0.42  # share of the lowest part that queries take, keys and values have the rest
STARTS, ENDS = 30, 64  # how far from the middle an arrow leaves tokens, and reaches a block


def draw() -> Drawing:
    """Two rows of two layers, and the legend below."""
    drawing = Drawing(2 * WIDTH + GAP, 2 * (HEIGHT + GAP) + 60, "One layer of each of the four fusion architectures")
    for place, layer in enumerate(LAYERS):
        _panel(drawing, layer, place % 2 * (WIDTH + GAP), place // 2 * (HEIGHT + GAP))
    _legend(drawing, 2 * (HEIGHT + GAP))
    return drawing


def _panel(drawing: Drawing, layer: Layer, left: float, top: float) -> None:
    drawing.box(left + 0.5, top + 0.5, WIDTH - 1, HEIGHT - 1, "frame", 10)
    drawing.words(left + 18, top + 28, layer.title, "title")
    drawing.words(left + WIDTH - 18, top + 28, layer.formula, "formula", "end")
    drawing.words(left + 18, top + 50, f"Keys and values are made {layer.keys_values}.", "quiet")
    for centre, block in zip(_centres(layer), layer.blocks, strict=True):
        _block(drawing, layer, block, left + centre, top + BLOCK)
    if layer.joint:
        x, y = left + MIDDLE[TEXT] - BLOCK_WIDTH / 2 + 10, top + BLOCK + PARTS["attention"]
        width = MIDDLE[IMAGE] - MIDDLE[TEXT] + BLOCK_WIDTH - 20
        drawing.box(x, y, width, PART, "plain")
        drawing.words(x + width / 2, y + 20, "one attention over all keys and values", anchor="middle")
    _inputs(drawing, layer, left, top)
    if layer.gated:
        _gate(drawing, left, top)
    else:
        _outputs(drawing, layer, left, top)
    for kind, middle in MIDDLE.items():
        _tokens(drawing, kind, left + middle, top + OUTPUT)
        _tokens(drawing, kind, left + middle, top + INPUT)
        drawing.words(left + middle, top + INPUT + TOKEN + 20, f"{kind} tokens", "quiet", "middle")


def _centres(layer: Layer) -> list[float]:
    return [CENTRE] if len(layer.blocks) == 1 else [*MIDDLE.values()]


def _block(drawing: Drawing, layer: Layer, block: Block, x: float, y: float) -> None:
    """Its name, then MLP, attention, queries, keys and values; keys and values stand towards the other block."""
    left, inner = x - BLOCK_WIDTH / 2, BLOCK_WIDTH - 20
    drawing.box(left, y, BLOCK_WIDTH, BLOCK_HEIGHT, "trained" if block.trained else "frozen", 8)
    drawing.words(x, y + 20, f"{block.name}, {'trained' if block.trained else 'frozen'}", "name", "middle")
    if not block.trained:
        drawing.flake(left + 18, y + 15)
    queries = inner * QUERIES - 3
    on_the_left = block is layer.blocks[0]
    rows: list[tuple[str, str, float, float]] = [
        ("keys", "queries", 0 if on_the_left else inner - queries, queries),
        ("keys", "keys, values", queries + 6 if on_the_left else 0, inner - queries - 6),
    ]
    rows += [(name, name, 0, inner) for name in (["MLP"] if layer.joint else ["MLP", "attention"])]
    for row, name, start, width in rows:
        drawing.box(left + 10 + start, y + PARTS[row], width, PART, "part")
        drawing.words(left + 10 + start + width / 2, y + PARTS[row] + 20, name, anchor="middle")


def _inputs(drawing: Drawing, layer: Layer, left: float, top: float) -> None:
    """Arrows from tokens to blocks: solid where they are transformed, dashed to the keys and values where only read."""
    for centre, block in zip(_centres(layer), layer.blocks, strict=True):
        for kind in block.reads:
            side = 0 if len(block.reads) == 1 else -1 if kind == TEXT else 1  # of the block, where the arrow ends
            crossing = 0 if len(layer.blocks) == 1 or side == 0 else 1 if centre > CENTRE else -1
            start, end = left + MIDDLE[kind] + STARTS * crossing, left + centre + ENDS * side
            transforms = kind in block.transforms
            bottom = BLOCK_HEIGHT if transforms else PARTS["keys"] + PART
            points = [(start, top + INPUT - 5), (end, top + BLOCK + bottom + 2)]
            drawing.arrow(points, kind, "thick" if transforms else "dashed")


def _outputs(drawing: Drawing, layer: Layer, left: float, top: float) -> None:
    for centre, block in zip(_centres(layer), layer.blocks, strict=True):
        for kind in block.transforms:
            side = 0 if len(block.transforms) == 1 else -1 if kind == TEXT else 1
            start = (left + centre + ENDS * side, top + BLOCK - 1)
            drawing.arrow([start, (left + MIDDLE[kind], top + OUTPUT + TOKEN + 4)], kind)


def _gate(drawing: Drawing, left: float, top: float) -> None:
    """The sum of both blocks' outputs, the second times g, for all tokens."""
    plus, y, upper = left + CENTRE, top + BLOCK - 20, top + OUTPUT + TOKEN + 4
    for kind, near in ((TEXT, -12), (IMAGE, 12)):
        middle = left + MIDDLE[kind]
        drawing.arrow([(middle, top + BLOCK - 1), (middle, y), (plus + near, y)])
        drawing.arrow([(plus, y - 10), (plus, upper + 14), (middle, upper + 14), (middle, upper)], kind)
    drawing.box(plus + 36, y - 11, 36, 22, "trained", 11)
    drawing.words(plus + 54, y + 5, "× g", anchor="middle")
    drawing.circle(plus, y, 10, "plain")
    drawing.words(plus, y + 5, "+", anchor="middle")


def _tokens(drawing: Drawing, kind: str, middle: float, y: float) -> None:
    step = TOKEN + 6
    for place in range(TOKENS):
        x = middle + (place - (TOKENS - 1) / 2) * step - TOKEN / 2
        drawing.box(x, y, TOKEN, TOKEN, f"{kind}-token", 10 if kind == TEXT else 3)


def _legend(drawing: Drawing, top: float) -> None:
    drawing.box(8, top + 6, 30, 20, "frozen")
    drawing.flake(23, top + 16)
    drawing.words(48, top + 21, "frozen, pretrained weights")
    drawing.box(8, top + 34, 30, 20, "trained")
    drawing.words(48, top + 49, "trained, from a copy of them; g starts at 0")
    drawing.arrow([(360, top + 16), (402, top + 16)])
    drawing.words(412, top + 21, "the block transforms these tokens, and makes their keys and values")
    drawing.arrow([(360, top + 44), (402, top + 44)], stroke="dashed")
    drawing.words(412, top + 49, "the block only makes their keys and values")
