"""LeRobot datasets in and out: what is in them, what became of it, and the dataset written anew."""
