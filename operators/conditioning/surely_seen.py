"""Whether a track is of somebody whom an actor may stand in for: masked is everybody who may be somebody."""

from schemas.track import Track

_SURE = (
    0.7  # the score of one sight; of 36 people in real videos 36 are seen so once, of 13 that are nobody none
)
_JOINTS = 0.4  # the mean score of the joints of those frames in which there are any; of those 13 at most 0.3
_BODY = 17  # COCO joints


def surely_seen(track: Track) -> bool:
    """Whether somebody was surely seen once, or has joints that are.

    What networks faintly take for a person in some frames, a signpost or a car's roof, is filled like what lies around
    it: an actor would stand where nobody was.
    """
    scores = track.keypoints[:, :_BODY, 2]
    there = scores.max(axis=1, initial=0) > 0
    return track.score >= _SURE or bool(there.any() and scores[there].mean() >= _JOINTS)
