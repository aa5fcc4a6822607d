from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from indexer.edits.words import WORDS, create_sentence, draw_paragraph, find_fitting_font, load_font


def test_sentence_has_requested_word_count() -> None:
    words = create_sentence(Random(1), 7).split()
    assert len(words) == 7
    assert set(words) <= set(WORDS)
    assert create_sentence(Random(1), 7).split() == words
    assert create_sentence(Random(2), 7).split() != words


@pytest.mark.parametrize(("width", "height"), [(40, 30), (200, 30), (5000, 30)])
def test_text_line_fits_width_at_maximum_height(width: float, height: float) -> None:
    text = "breaking news exclusive"
    assert find_fitting_font(text, width, height).getlength(text) <= max(width * 1.02, load_font(5).getlength(text))
    assert find_fitting_font(text, 5000, height).getlength(text) == load_font(height).getlength(text)


def test_paragraph_fits_and_fills_its_box() -> None:
    page = Image.new("L", (400, 300), 255)
    draw_paragraph(ImageDraw.Draw(page), Random(1), (50, 40, 350, 260), 16, 0)  # type: ignore[arg-type] # a grey page
    rows, columns = np.nonzero(np.asarray(page) < 128)
    assert (columns.min() >= 48, columns.max() <= 352, rows.min() >= 38, rows.max() <= 262) == (True,) * 4
    assert len(np.unique(rows // 22)) >= 7
