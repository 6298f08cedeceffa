"""Whether a track is of somebody whom an actor may stand in for: masked is everybody who may be somebody."""

from schemas.track import Track

# In cuts of real videos 32 tracks of people had such a sight, one person behind a post had none; the five tracks that
# an actor stood in for where nobody was had 0.5 to 0.66, and joints of 0.29 at most, in the mean over frames with any.
_SURE, _JOINTS = 0.7, 0.4
_BODY = 17  # COCO joints


def surely_seen(track: Track) -> bool:
    """Whether somebody was surely seen once, or has joints that are.

    What networks faintly take for a person in some frames, a signpost or a car's roof, is filled like what lies around
    it: an actor would stand where nobody was.
    """
    scores = track.keypoints[:, :_BODY, 2]
    there = scores.max(axis=1, initial=0) > 0
    return track.score >= _SURE or bool(there.any() and scores[there].mean() >= _JOINTS)
