// Where clothes end: signed distances on the template body, negative inside the garment. operators/actor/drawing/edges.py has them, too.

bool on_arm() { return point.arm_weight > .5; }

float top_distance() {
  vec3 r = point.rest;
  float side = abs(r.x);
  float hem = on_arm() ? -1. : outfit.hem - r.z;
  float sleeve = on_arm()            ? (point.arm_along - outfit.sleeve) * .28
                 : outfit.sleeve < .12 ? side - .155 - outfit.sleeve * .3
                                       : -1.;
  float neck = r.z - (outfit.neck + .38 * (r.y + .02));
  if (outfit.v_neck > 0. && r.y < .0) {
    float tip = outfit.neck - .04 - outfit.v_neck;
    neck = max(neck, (r.z - tip) * .42 - side);
  }
  return max(max(hem, sleeve), neck);
}

float jacket_distance() {
  if (!outfit.jacket)
    return 1.;
  vec3 r = point.rest;
  float hem = on_arm() ? -1. : outfit.jacket_hem - r.z;
  float sleeve = on_arm() ? (point.arm_along - outfit.jacket_sleeve) * .28 : -1.;
  float neck = r.z - (.515 + .30 * (r.y + .02));
  float opening =
      r.y < 0. ? outfit.jacket_opening * (1. + .8 * smoothstep(.15, .5, r.z)) - abs(r.x) : -1.;
  return max(max(hem, sleeve), max(neck, opening));
}

float bottom_distance() {
  if (on_arm())
    return 1.;
  vec3 r = point.rest;
  return max(r.z - outfit.waist - .02 * sin(r.y * 9.), outfit.bottom - r.z);
}

float shoe_distance() {
  vec3 r = point.rest;
  return r.z - outfit.shoe - .12 * max(0., r.y + .01);
}
