"""``python -m bayesgmm`` is the command ``bayesgmm``."""

from bayesgmm.cli import app

if __name__ == "__main__":
    app(prog_name="bayesgmm")
