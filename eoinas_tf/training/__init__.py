"""The code that searches and final training runs share: the steps of an epoch, saves, stops, logs, the console."""
