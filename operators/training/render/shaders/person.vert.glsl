// A part of a person: the body as it is, clothes and hair as shells around it.
// PART is one of SKIN, EYES, TOP, TROUSERS, SHOES, SKIRT, SCALP, JACKET, STRANDS.

#include "noise.glsl"
#include "looks.glsl"

in vec3 position, normal, rest;
in float arm_along, arm_weight, head_weight, lips, eyelids;
uniform mat4 to_clip;

out Point {
  vec3 world, normal;
  vec3 rest;                                          // on the template body
  float arm_along, arm_weight, head_weight, lips, eyelids; // template.py
} point;

// How far the shell of this part is outside the body, in metres; noise makes folds.
float thickness() {
  float seed = identity.texture;
  float fold = smooth_noise(rest * vec3(9, 9, 5) + seed * 17.) - .5,
        crease = smooth_noise(rest * vec3(22, 22, 11) + seed * 31.) - .5;
#if PART == TOP
  if (arm_weight > .5)
    return .010 + outfit.loose * .75 + .5 * outfit.loose * fold * smoothstep(0., 1., arm_along);
  return .010 + outfit.loose * (.6 + .9 * smoothstep(.35, .05, rest.z)) * (1. + .7 * fold) + .004 * crease;
#elif PART == JACKET
  return .020 + outfit.loose * .5 + .016 * (1. + .8 * fold) + .005 * crease;
#elif PART == TROUSERS
  float low = smoothstep(-.05, -.6, rest.z);
  return .006 + outfit.bottom_loose * mix(.25, 1., low) * (1. + .6 * fold) + .004 * crease * low;
#elif PART == SHOES
  return .011 + .006 * smoothstep(-.83, -.86, rest.z);
#elif PART == SKIRT
  return .012 + .01 * fold;
#elif PART == SCALP
  float top = smoothstep(.60, .74, rest.z);
  return identity.hair_thickness * (.35 + .65 * top) * (1. + .5 * crease) + .004;
#elif PART == STRANDS
  return .006 + .006 * fold;
#else
  return 0.;
#endif
}

void main() {
  vec3 p = position;
#if PART != SKIN && PART != EYES
  p += normal * thickness();
#endif
#if PART == SHOES
  p.z -= .012 * step(rest.z, -.845); // soles
#endif
  point.world = p;
  point.normal = normal;
  point.rest = rest;
  point.arm_along = arm_along;
  point.arm_weight = arm_weight;
  point.head_weight = head_weight;
  point.lips = lips;
  point.eyelids = eyelids;
  gl_Position = to_clip * vec4(p, 1);
}
