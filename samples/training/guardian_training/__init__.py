"""What the training scripts of all Guardian AI image classifiers share."""
