// Skin and eyes.

// Height of the hairline, from the forehead (y = -.14) to the nape (.08).
float hairline(float y) {
  float z = .735;
  z = mix(z, .712, smoothstep(-.135, -.10, y));
  z = mix(z, .672, smoothstep(-.10, -.072, y));
  z = mix(z, .635, smoothstep(-.068, -.045, y));
  z = mix(z, .60, smoothstep(-.045, -.01, y));
  z = mix(z, .565, smoothstep(-.01, .05, y));
  return z;
}

vec3 with_cheeks(vec3 colour, float on_head) {
  vec3 r = point.rest;
  float spot = smoothstep(.05, .02, length(vec2(abs(r.x) - .045, (r.z - .615) * 1.1)));
  return mix(colour, identity.skin * vec3(1.08, .82, .78), .35 * on_head * spot * step(r.y, -.06));
}

vec3 with_brows(vec3 colour) {
  vec3 r = point.rest;
  float side = abs(r.x);
  float arch = .6705 + .02 * (side - .03) - 2.6 * (side - .036) * (side - .036);
  float brow = smoothstep(.0052, .0022, abs(r.z - arch) * (1. + 8. * side)) *
               smoothstep(.010, .016, side) * smoothstep(.060, .050, side) * step(r.y, -.07);
  return mix(colour, identity.hair * .7, brow * .85);
}

vec3 with_beard(vec3 colour, float on_head, float mottled) {
  vec3 r = point.rest;
  float side = abs(r.x);
  float beard = smoothstep(.605, .585, r.z - .25 * max(0., side - .035)) * step(r.z, .64) *
                step(r.y, -.035) * on_head * (1. - point.lips);
  beard = max(beard, step(abs(r.z - .597), .006) * step(side, .025) * step(r.y, -.12)); // moustache
  return mix(colour, identity.hair * .8, beard * identity.beard * (.7 + .3 * mottled));
}

// The scalp below hair, or the shadow of shaved hair.
vec3 with_scalp(vec3 colour, float on_head, float mottled) {
  vec3 r = point.rest;
  float side = abs(r.x);
  bool below_ear = side > .071 && r.z < .665;
  int style = identity.hair_style;
  if (style < CAP && on_head > .5 && r.z > hairline(r.y) - .004 * mottled && !below_ear)
    return mix(colour, identity.hair * .8, .9);
  if (style == SHAVED && on_head > .5 && r.z > hairline(r.y) && side < .071)
    return mix(colour, identity.hair * .6, .35);
  return colour;
}

Surface skin(Surface s) {
  bool covered = top_distance() < -.025 || bottom_distance() < -.025 && !outfit.skirt ||
                 shoe_distance() < -.02 || jacket_distance() < -.03;
  if (covered)
    discard;
  float mottled = fbm(point.rest * 30. + identity.texture);
  float on_head = smoothstep(.4, .6, point.head_weight);
  s.colour = identity.skin * (.90 + .2 * mottled);
  s.colour = mix(s.colour, identity.lips, .75 * point.lips);
  s.colour = with_cheeks(s.colour, on_head);
  s.colour = with_brows(s.colour);
  s.colour = mix(s.colour, identity.skin * .45, point.eyelids * .6);
  s.colour = with_beard(s.colour, on_head, mottled);
  s.colour = with_scalp(s.colour, on_head, mottled);
  if (top_distance() < 0. || bottom_distance() < 0.)
    s.colour *= .6; // in the shade of a hem
  return s;
}

Surface eyes(Surface s) {
  vec3 r = point.rest;
  float d = length(vec2(abs(r.x) - .030, r.z - .649));
  s.colour = mix(vec3(.82, .80, .78), identity.iris, smoothstep(.0068, .0055, d) * step(r.y, -.08));
  s.colour = mix(s.colour, vec3(.02), smoothstep(.003, .0022, d));
  s.specular = .5;
  s.gloss = 60.;
  return s;
}
