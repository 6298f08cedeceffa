"""Which skin clothes hide for certain, so that it need not be drawn and cannot shine through."""

import numpy as np

from operators.actor.looks import Outfit
from operators.training.render.template import Template

_MARGINS = {"top": -0.035, "bottom": -0.045, "shoes": -0.03}  # metres inside the garment's edge


def bare_skin(template: Template, outfit: Outfit) -> np.ndarray:
    """Triangles int32 [N,3] of the body with a corner that may be seen. The distances are those of garments.glsl."""
    z, on_arm = template.rest[:, 2], template.arm_weight > 0.5
    hidden = _top(template, outfit) < _MARGINS["top"]
    if not outfit.skirt:
        hidden |= ~on_arm & (np.maximum(z - outfit.waist, outfit.bottom - z) < _MARGINS["bottom"])
    instep = 0.12 * np.maximum(0, template.rest[:, 1] + 0.01)
    hidden |= z - outfit.shoe - instep < _MARGINS["shoes"]
    return template.body[~hidden[template.body].all(1)]


def _top(template: Template, outfit: Outfit) -> np.ndarray:
    """Signed distance to the top's edge, float64 [V], negative inside."""
    x, y, z = template.rest.T
    on_arm = template.arm_weight > 0.5
    neck = z - (outfit.neck + 0.38 * (y + 0.02))
    if outfit.v_neck:
        cut = (z - (outfit.neck - 0.04 - outfit.v_neck)) * 0.42 - abs(x)
        neck = np.where(y < 0, np.maximum(neck, cut), neck)
    armhole = abs(x) - 0.155 - outfit.sleeve * 0.3 if outfit.sleeve < 0.12 else -1.0
    sleeve = np.where(on_arm, (template.arm_along - outfit.sleeve) * 0.28, armhole)
    hem = np.where(on_arm, -1, outfit.hem - z)
    return np.maximum(np.maximum(hem, sleeve), neck)
