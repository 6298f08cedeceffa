// Scenery by material, with contact shadows at people's feet and haze. MATERIAL: one of scenery/solids.py.

#include "noise.glsl"
#include "light.glsl"

in Spot {
  vec3 world, normal, local, first, second;
  flat float scale;
} spot;
uniform vec3 feet[8]; // on the ground below them; z < -5: nobody's

layout(location = 0) out vec4 colour;
layout(location = 1) out vec2 label; // metres along the view axis, 0

struct Finish {
  vec3 colour, normal;
  float specular, gloss;
};

#include "materials.glsl"

float contact_shadow(vec3 normal) {
  float light_left = 1.;
  if (normal.z > .5)
    for (int i = 0; i < 8; i++) {
      vec3 d = spot.world - feet[i];
      if (feet[i].z > -5. && abs(d.z) < .5)
        light_left *= 1. - .55 * exp(-dot(d.xy, d.xy) / .030);
    }
  return light_left;
}

void main() {
  Finish f = finish(normalize(spot.normal));
  vec3 c = shaded(f.colour, f.normal, spot.world, f.specular, f.gloss, .0) * contact_shadow(f.normal);
  float distance = dot(spot.world - eye, forward);
  c = mix(c, light.horizon, 1. - exp(-distance / light.fog));
  colour = vec4(tone(c), 1);
  label = vec2(distance, 0);
}
