// Hashes and smooth noise, 0 to 1.

uniform sampler3D noise_texture; // 32 x 32 x 32 random values, repeating

float hash(vec3 p) {
  p = fract(p * vec3(.1031, .1030, .0973));
  p += dot(p, p.yxz + 33.33);
  return fract((p.x + p.y) * p.z);
}

float smooth_noise(vec3 p) {
  vec3 i = floor(p), f = p - i;
  f = f * f * (3. - 2. * f);
  return texture(noise_texture, (i + f + .5) * (1. / 32.)).r;
}

// Four octaves of it: fractional Brownian motion.
float fbm(vec3 p) {
  return .5 * smooth_noise(p) + .28 * smooth_noise(p * 2.1 + 7.) + .15 * smooth_noise(p * 4.3 + 3.) +
         .07 * smooth_noise(p * 8.7);
}
