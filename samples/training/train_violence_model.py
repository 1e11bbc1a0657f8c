"""Trains violence-detector: does an image show violence?"""

from guardian_training.train import Task, main

TASK = Task(
    model_name="violence-detector",
    labels=("safe", "violence"),
    experiment="violence-detection",
    description="Tells whether an image shows violence.",
)

if __name__ == "__main__":
    main(TASK)
