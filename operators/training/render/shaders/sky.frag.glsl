// A gradient from horizon to zenith with clouds; distance 0 says that nothing is there.

#include "noise.glsl"
#include "light.glsl"

in vec2 at;
uniform mat4 from_clip;

layout(location = 0) out vec4 colour;
layout(location = 1) out vec2 label;

void main() {
  vec4 far = from_clip * vec4(at, 1, 1);
  vec3 d = normalize(far.xyz / far.w - eye);
  vec3 c = mix(light.horizon, light.zenith, pow(max(d.z, 0.), .55));
  if (d.z > .0) {
    float n = fbm(vec3(d.xy / (d.z + .12) * 1.3, 3.));
    c = mix(c, vec3(1), light.cloud * smoothstep(.45, .75, n));
  }
  colour = vec4(pow(c, vec3(1. / 2.2)), 1);
  label = vec2(0);
}
