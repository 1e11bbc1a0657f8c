"""Trains violence-detector: does an image show violence?"""

from guardian_training.train import main

if __name__ == "__main__":
    main(model_name="violence-detector", labels=("safe", "violence"))
