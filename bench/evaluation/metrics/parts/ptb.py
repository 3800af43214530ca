"""The tokenizer that CIDEr is defined with: Stanford's PTBTokenizer (Java), from pycocoevalcap's jar."""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from pycocoevalcap.tokenizer import ptbtokenizer

from bench.system.errors import UserError

JAR = Path(ptbtokenizer.__file__).with_name(ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR)
TOKENIZER = "edu.stanford.nlp.process.PTBTokenizer"
SHORT_LIVED = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # nothing is compiled twice for half a second's work
NO_JAVA = "CIDEr needs Java and `java` does not run; install it (on Debian: apt install default-jre-headless)"


def check_java() -> None:
    """Raise UserError where Java cannot be run: asked before training, for CIDEr comes after it."""
    if subprocess.run([_java(), "-version"], capture_output=True).returncode != 0:
        raise UserError(NO_JAVA)


def one_line(caption: str) -> str:
    """Return the caption on one line: whatever Java or Python takes for a line break, or cannot encode, is a space."""
    return " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in caption).split())


def tokenize(captions: Sequence[str]) -> list[str]:
    """Return every caption's tokens, lower case, without punctuation, joined by spaces.

    As `pycocoevalcap`'s PTBTokenizer.tokenize, but the text goes through a pipe: the library writes into its own
    folder (read-only in some installs, left dirty by a kill), and a line break or an empty last caption gives captions
    to the wrong images. Raises UserError without Java, RuntimeError with Java's own words where it fails.
    """
    text = "".join(one_line(caption) + "\n" for caption in captions)
    command = [_java(), *SHORT_LIVED, "-cp", str(JAR), TOKENIZER, "-preserveLines", "-lowerCase"]
    ran = subprocess.run(command, input=text.encode(), capture_output=True)
    if ran.returncode != 0:
        raise RuntimeError(f"PTBTokenizer failed: {ran.stderr.decode(errors='replace')[-2000:]}")
    lines = ran.stdout.decode().split("\n")[:-1]
    assert len(lines) == len(captions), f"PTBTokenizer turned {len(captions)} captions into {len(lines)} lines"
    return [" ".join(w for w in line.split() if w not in ptbtokenizer.PUNCTUATIONS) for line in lines]


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise UserError(NO_JAVA)
    return java
