// Clothes: cut along their edges, patterned, darker at the hems.

vec3 with_print(vec3 colour, vec3 r) {
  float seed = identity.texture;
  vec2 q = vec2(r.x, r.z - .29) / .075;
  float cell = hash(vec3(floor((q + seed) * 5.), seed));
  vec3 ink = vec3(hash(vec3(seed, 1, 2)), hash(vec3(seed, 3, 2)), hash(vec3(seed, 1, 5)));
  return mix(colour, ink, step(.45, cell) * step(length(q), .95));
}

// kind as PATTERNS in operators/actor/looks/looks.py. u runs down body or arm, v around it.
vec3 patterned(Pattern pattern, float along, float arm, vec3 first, vec3 second) {
  vec3 r = point.rest;
  float u = arm > .5 ? along * .28 : r.z, v = atan(r.x, -r.y - .02) * .12;
  if (arm > .5)
    v = r.y + .05;
  float s = pattern.repeats, m = 0.;
  if (pattern.kind == 1)
    m = smoothstep(.45, .55, abs(fract(u * s) - .5) * 2.);
  else if (pattern.kind == 2)
    m = smoothstep(.45, .55, abs(fract(v * s * 1.5) - .5) * 2.);
  else if (pattern.kind == 3) {
    float across = smoothstep(.4, .6, abs(fract(u * s) - .5) * 2.),
          down = smoothstep(.4, .6, abs(fract(v * s) - .5) * 2.);
    m = .5 * across + .5 * down;
  } else if (pattern.kind == 4) {
    vec2 q = fract(vec2(u, v) * s * 1.3) - .5;
    m = smoothstep(.28, .2, length(q));
  } else if (pattern.kind == 5)
    m = smoothstep(.47, .53, fbm(r * s * .6 + identity.texture * 9.));
  else if (pattern.kind == 6)
    m = smoothstep(.30, .31, r.z);
  else if (pattern.kind == 7)
    m = arm > .5 ? 1. : 0.;
  else if (pattern.kind == 8)
    m = smooth_noise(r * vec3(60, 60, 60)) * .8;
  vec3 colour = mix(first, second, m * pattern.contrast);
  bool chest = r.y < -.03 && arm < .5 && abs(r.x) < .075 && abs(r.z - .29) < .06;
  return pattern.printed && chest ? with_print(colour, r) : colour;
}

Surface top(Surface s) {
  float d = top_distance();
  if (d > 0.)
    discard;
  s.colour = patterned(outfit.top_pattern, point.arm_along, point.arm_weight, outfit.top_colours[0],
                       outfit.top_colours[1]);
  s.colour *= mix(.75, 1., smoothstep(0., -.012, d));
  s.creases = 1.;
  s.specular = .02;
  s.gloss = 8.;
  s.wrap = .15;
  return s;
}

Surface jacket(Surface s) {
  float d = jacket_distance();
  if (d > 0.)
    discard;
  s.colour = patterned(outfit.jacket_pattern, point.arm_along, point.arm_weight, outfit.jacket_colour,
                       outfit.jacket_colour * .5);
  s.colour *= mix(.6, 1., smoothstep(0., -.012, d));
  if (!gl_FrontFacing)
    s.colour *= .5; // the lining
  s.creases = 1.;
  s.specular = .04;
  s.gloss = 10.;
  s.wrap = .1;
  return s;
}

Surface trousers(Surface s) {
  float d = bottom_distance();
  if (d > 0.)
    discard;
  vec3 r = point.rest;
  s.colour = patterned(outfit.bottom_pattern, point.arm_along, point.arm_weight, outfit.bottom_colours[0],
                       outfit.bottom_colours[1]);
  s.colour *= mix(.78, 1., smoothstep(0., -.010, d));
  s.colour *= 1. - .22 * smoothstep(.006, .002, abs(abs(r.x) - .19)) * step(r.z, .05); // side seams
  s.colour *= 1. + .12 * smoothstep(.05, .0, abs(abs(r.x) - .13)) * step(r.y, 0.) *
                       float(outfit.bottom_pattern.printed); // faded thighs
  if (r.z > outfit.waist - .035)
    s.colour = mix(s.colour, outfit.bottom_colours[1] * .5, .6); // belt
  s.creases = 1.;
  s.specular = .02;
  s.gloss = 8.;
  s.wrap = .1;
  return s;
}

Surface shoes(Surface s) {
  if (shoe_distance() > 0.)
    discard;
  vec3 r = point.rest, uppers = outfit.shoe_colours[0], soles = outfit.shoe_colours[1];
  float laces = step(.5, fract(r.y * 38.)) * step(abs(r.y + .09), .03) * step(abs(abs(r.x) - .165), .018);
  s.colour = r.z < -.842 ? soles : mix(uppers, soles, .5 * laces);
  s.specular = .12;
  s.gloss = 25.;
  return s;
}

Surface skirt(Surface s) {
  vec3 r = point.rest;
  bool below_top = r.z > max(outfit.hem + .03, -.02) && outfit.hem < .04;
  if (r.z < outfit.bottom || r.z > outfit.waist || below_top)
    discard;
  s.colour =
      patterned(outfit.bottom_pattern, 0., 0., outfit.bottom_colours[0], outfit.bottom_colours[1]);
  if (!gl_FrontFacing)
    s.colour *= .45;
  s.creases = 1.2;
  s.specular = .02;
  s.wrap = .1;
  s.pleats = .25 * sin(atan(r.x, r.y) * 22.);
  return s;
}

// Tilts the normal by noise, more at elbows, knees and waist.
Surface creased(Surface s) {
  vec3 r = point.rest, q = r * vec3(16, 16, 9) + identity.texture * 5.;
  float on_arm = step(.5, point.arm_weight);
  float strength = .45 + 1.1 * (exp(-pow((r.z + .405) * 9., 2.)) * (1. - on_arm) +
                                on_arm * exp(-pow((point.arm_along - 1.) * 3., 2.)) +
                                .7 * exp(-pow((r.z - .06) * 8., 2.)));
  float here = fbm(q) + s.pleats, x = fbm(q + vec3(.25, 0, 0)) + s.pleats,
        z = fbm(q + vec3(0, 0, .25)) + s.pleats, y = fbm(q + vec3(0, .25, 0)) + s.pleats;
  s.normal =
      normalize(s.normal - s.creases * strength * 1.1 * vec3(x - here, y - here, z - here) / .55);
  s.colour *= .97 + .06 * smooth_noise(r * 220.);
  return s;
}
