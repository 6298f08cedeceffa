"""Recordings of robots and cars, MCAP and rosbag2: their messages, read and written. Nobody looks at a picture here."""
