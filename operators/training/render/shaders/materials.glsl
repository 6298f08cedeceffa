// What surfaces of scenery look like: two colours mixed by a pattern at a place on the solid.

Finish finish(vec3 n) {
  vec3 l = spot.local, first = spot.first, second = spot.second, a = first;
  float s = spot.scale, specular = 0., gloss = 10.;
  vec2 uv = abs(n.z) > .5 ? l.xy : (abs(n.x) > .5 ? l.yz : l.xz); // on the side that is seen
  float f = fbm(l * 3. + s);
#if MATERIAL == ROAD // scale: y of the dashed line in its middle
  a = first * (.8 + .4 * fbm(l * 11.)) * (.9 + .2 * fbm(l * .7));
  if (abs(n.z) > .5) {
    float d = abs(l.y - s);
    a = mix(a, vec3(.75), step(d, .07) * step(.45, fract(l.x * .25)) * .9);
  }
#elif MATERIAL == PAVING // scale: metres a slab
  vec2 q = fract(uv / s), slab = floor(uv / s);
  float edge = min(min(q.x, 1. - q.x), min(q.y, 1. - q.y)) * s;
  a = mix(first, second, hash(vec3(slab, s)) * .6) * (.8 + .4 * fbm(l * 9.));
  a *= mix(.55, 1., smoothstep(.0, .018, edge));
#elif MATERIAL == GRASS
  a = mix(first, second, fbm(l * 4.)) * (.6 + .8 * smooth_noise(l * vec3(60, 60, 9)));
#elif MATERIAL == BRICK
  vec2 q = uv / vec2(.24, .08);
  q.x += .5 * mod(floor(q.y), 2.);
  vec2 e = fract(q);
  float brick = step(.06, e.x) * step(.14, e.y);
  a = mix(second, first * (.75 + .5 * hash(vec3(floor(q), s))), brick) * (.85 + .3 * f);
#elif MATERIAL == FACADE // scale: metres a window
  vec2 q = uv / vec2(s, s * 1.15), e = fract(q);
  float window = step(.25, e.x) * step(e.x, .75) * step(.22, e.y) * step(e.y, .80);
  float inside = hash(vec3(floor(q), floor(first.x * 99.)));
  vec3 glass = mix(vec3(.10, .13, .17), vec3(.45, .55, .65), inside * .7 + .3 * e.y);
  if (inside > .86)
    glass = vec3(.9, .75, .45); // lit
  float frame = window * (1. - step(.29, e.x) * step(e.x, .71) * step(.25, e.y) * step(e.y, .77));
  a = mix(first * (.8 + .35 * f), glass, window);
  a = mix(a, second, frame);
  specular = window * .25;
  gloss = 50.;
  if (uv.y < s * .9 && abs(n.z) < .5)
    a = mix(second * .6, a, step(.5, fract(uv.x / s * .5))); // shops
#elif MATERIAL == PLASTER
  a = mix(first, second, .5 * f) * (.92 + .12 * smooth_noise(l * 40.));
#elif MATERIAL == PLANKS
  float row = floor(uv.y / .12);
  float u = uv.x + hash(vec3(row, 1, s)) * 2.;
  a = mix(first, second, hash(vec3(row, floor(u / 1.1), 2)) * .7) *
      (.75 + .4 * fbm(vec3(u * 2., uv.y * 25., s)));
  a *= mix(.6, 1., smoothstep(0., .05, abs(fract(uv.y / .12) - .5) * -1. + .5));
  specular = .12;
  gloss = 20.;
#elif MATERIAL == TILES // scale: metres a tile
  vec2 q = floor(uv / s);
  a = mix(first, second, mod(q.x + q.y, 2.)) * (.9 + .2 * f);
  specular = .15;
  gloss = 30.;
#elif MATERIAL == CARPET
  a = mix(first, second, smooth_noise(l * 70.)) * (.8 + .4 * fbm(l * 5.));
#elif MATERIAL == GLOSS
  specular = .5;
  gloss = 40.;
  a *= .9 + .1 * f;
#elif MATERIAL == LEAVES
  a = mix(first, second, fbm(l * 9.)) * (.45 + 1.0 * smooth_noise(l * 23.));
  vec3 leaf = vec3(smooth_noise(l * 13.), smooth_noise(l * 13. + 9.), smooth_noise(l * 13. + 5.));
  n = normalize(n + 1.2 * (leaf - .5));
#elif MATERIAL == POSTER // scale: patches a metre
  vec2 i = floor(uv * s);
  a = mix(first, second, step(.5, hash(vec3(i, 3.))));
  a = mix(a, vec3(hash(vec3(i, 7.)), hash(vec3(i, 8.)), hash(vec3(i, 9.))),
          .4 * step(.6, hash(vec3(i, 5.))));
#elif MATERIAL == CLOUDY // scale: spots a metre
  a = mix(first, second, smoothstep(.3, .7, fbm(l * s)));
#endif
  return Finish(a, n, specular, gloss);
}
