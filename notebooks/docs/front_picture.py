"""Draw front.png, the picture at the top of the README: ``python notebooks/docs/front_picture.py``.

Old Faithful with both fits on the left, and how sure each is of its parameters on the right.
"""

from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

import bayesgmm as bg

path = Path(__file__).with_name("front.png")
faithful = bg.load_dataset("faithful")
em = bg.fit_em(faithful, 2, random_seed=1)
bayes = bg.fit_bayes(faithful, 2, start=em, random_seed=1, progressbar=False)

figure = Figure(figsize=(8.8, 4.4), layout="constrained")
left, *right = figure.subplots(1, 3, width_ratios=(2.1, 1, 1))
bg.plot_comparison(em, bayes, ax=left)
bg.plot_intervals(em, bayes, parameters=["weight", "mean", "sd"], ax=right)
left.set_title("Maximum likelihood and posterior", fontsize="medium")
for k, ax in enumerate(right):
    ax.set_title(f"{k}: 95 % intervals", fontsize="medium")
figure.savefig(path, dpi=150)
Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)  # half the size
