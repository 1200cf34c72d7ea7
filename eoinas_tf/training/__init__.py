"""What searches and trainings of final networks share: the steps of an epoch, saves, stops, logs, the console."""
