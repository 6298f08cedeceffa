"""Synthetic people: short clips of made-up persons with exact masks, joints and depth (docs/people.md).

Read it in the order in which a clip comes about: `seeds` says who; `acting` gives a person (`body`) a motion
(`gestures`, `motion`, `rig`) at a place; `scenery` surrounds them; `crops` and `street` (`casting`) stage that; `film`
takes it with `renderer`, `figures` and the GLSL in `shaders`; `sensor` is the camera's own look; `shards` writes it
down. `check` and `preview` look at what was written.
"""
