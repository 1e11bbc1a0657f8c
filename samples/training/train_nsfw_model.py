"""Trains nsfw-detector: is an image safe for work?"""

from guardian_training.train import Task, main

TASK = Task(
    model_name="nsfw-detector",
    labels=("safe", "nsfw"),
    experiment="nsfw-detection",
    description="Tells whether an image is safe for work.",
)

if __name__ == "__main__":
    main(TASK)
