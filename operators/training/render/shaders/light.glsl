// One sun with a shadow map, light from sky and ground, Blinn-Phong highlights.

struct SceneLight { // scenery/light.py
  vec3 sun, sun_colour, sky_colour, ground_colour, zenith, horizon;
  float cloud, fog;
};
uniform SceneLight light;
uniform vec3 eye, forward; // of the camera
uniform mat4 to_shadow;    // from the world to the sun's view of the people
uniform sampler2D shadow_map;

// 0 in the shadow of somebody, 1 outside, softened over 3 x 3 texels.
float sunlit(vec3 world, vec3 normal) {
  vec4 q = to_shadow * vec4(world + normal * .02, 1);
  vec3 c = q.xyz * .5 + .5;
  if (any(lessThan(c, vec3(0))) || any(greaterThan(c, vec3(1))))
    return 1.;
  float s = 0., px = 1.2 / float(textureSize(shadow_map, 0).x);
  for (int i = -1; i < 2; i++)
    for (int j = -1; j < 2; j++)
      s += texture(shadow_map, c.xy + vec2(i, j) * px).r + .0022 < c.z ? 0. : 1.;
  return s / 9.;
}

// Light that leaves a surface. wrap: how far light reaches around it, as in skin.
vec3 shaded(vec3 colour, vec3 normal, vec3 world, float specular, float gloss, float wrap) {
  float nl = dot(normal, light.sun), d = max((nl + wrap) / (1. + wrap), 0.) * sunlit(world, normal);
  vec3 v = normalize(eye - world), h = normalize(v + light.sun);
  vec3 around = mix(light.ground_colour, light.sky_colour, .5 + .5 * normal.z);
  float rim = pow(1. - max(dot(normal, v), 0.), 4.);
  return colour * (d * light.sun_colour + around * (.75 + .25 * max(dot(normal, v), 0.))) +
         light.sun_colour * d * specular * pow(max(dot(normal, h), 0.), gloss) +
         light.sky_colour * rim * specular * .6;
}

// Linear light to the screen.
vec3 tone(vec3 c) {
  c = max(c, 0.);
  c = c * (1. + c * .12) / (1. + c * .55);
  return pow(clamp(c, 0., 1.), vec3(1. / 2.2));
}
