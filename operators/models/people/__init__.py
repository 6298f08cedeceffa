"""Where people are, frame by frame: networks that find boxes, masks and joints, which Condition's masks come from."""
