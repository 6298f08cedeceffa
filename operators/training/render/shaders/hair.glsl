// Hair: a shell on the scalp, strands that hang from it, or a knitted cap.

void cut_scalp() {
  vec3 r = point.rest;
  if (point.head_weight < .5)
    discard;
  float jagged = .010 * (smooth_noise(vec3(r.x * 160., r.y * 160., identity.texture)) - .5) *
                 (1. + 2. * float(identity.curly));
  bool below_ear = abs(r.x) > .071 && r.z < .665 && identity.hair_style < CAP;
  if (r.z < hairline(r.y) + jagged || below_ear)
    discard;
}

void cut_strands() {
  vec3 r = point.rest;
  float jagged = .03 * (smooth_noise(vec3(r.x * 90., r.y * 90., identity.texture * 7.)) - .5);
  bool over_face = r.y < -.055 && abs(r.x) < .072 && r.z < identity.fringe + jagged * .4;
  bool over_throat = r.y < -.02 && r.z < .475;
  if (r.z < identity.hair_cut + jagged || over_face || over_throat)
    discard;
}

Surface hair(Surface s) {
#if PART == SCALP
  cut_scalp();
#else
  cut_strands();
#endif
  vec3 r = point.rest;
  float seed = identity.texture;
  float strand = smooth_noise(vec3(atan(r.x, r.y + .03) * 46., r.z * 6., seed)) * .6 +
                 smooth_noise(r * vec3(130, 130, 35)) * .4;
  if (identity.curly)
    strand = fbm(r * 85.);
  s.colour = identity.hair * (.45 + .95 * strand);
  s.specular = .18;
  s.gloss = 14.;
  s.normal = normalize(s.normal + .35 * (strand - .5) * vec3(r.x, r.y, 0) * 8.);
  if (identity.hair_style == CAP) {
    s.colour = mix(outfit.top_colours[1], outfit.shoe_colours[0], step(.5, hash(vec3(seed, 2, 9))));
    s.colour *= .85 + .15 * sin(r.z * 900.);
    s.specular = .02;
    s.creases = .3;
  }
  if (!gl_FrontFacing)
    s.colour *= .6;
  return s;
}
