"""Trains nsfw-detector: is an image safe for work?"""

from guardian_training.train import main

if __name__ == "__main__":
    main(model_name="nsfw-detector", labels=("safe", "nsfw"))
