// Colour and label of one part of a person. PART: see person.vert.glsl.

#include "noise.glsl"
#include "light.glsl"
#include "looks.glsl"

in Point {
  vec3 world, normal;
  vec3 rest;
  float arm_along, arm_weight, head_weight, lips, eyelids;
} point;
uniform float person; // the number in the masks

layout(location = 0) out vec4 colour;
layout(location = 1) out vec2 label; // metres along the view axis, person

struct Surface {
  vec3 colour, normal;
  float specular, gloss, wrap; // light.glsl
  float creases, pleats;       // of cloth
};

#include "garments.glsl"
#include "skin.glsl"
#include "cloth.glsl"
#include "hair.glsl"

void main() {
  vec3 n = normalize(point.normal);
  Surface s = Surface(vec3(0), gl_FrontFacing ? n : -n, .05, 18., .25, 0., 0.);
#if PART == SKIN
  s = skin(s);
#elif PART == EYES
  s = eyes(s);
#elif PART == TOP
  s = top(s);
#elif PART == TROUSERS
  s = trousers(s);
#elif PART == SHOES
  s = shoes(s);
#elif PART == SKIRT
  s = skirt(s);
#elif PART == JACKET
  s = jacket(s);
#else
  s = hair(s);
#endif
  if (s.creases > 0.)
    s = creased(s);
  vec3 c = shaded(s.colour, s.normal, point.world, s.specular, s.gloss, s.wrap);
#if PART == SKIN
  // Light that comes through skin at the edge of shadows is red.
  c += s.colour * vec3(.10, .03, .02) * light.sun_colour * max(0., dot(s.normal, light.sun) + .35) * .35;
#endif
  colour = vec4(tone(c), 1);
  label = vec2(dot(point.world - eye, forward), person);
}
