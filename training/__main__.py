"""Run the training: ``python -m training``."""

from training.run import main

main()
