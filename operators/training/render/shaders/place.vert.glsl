// Scenery: rows of scenery/solids.py.

in vec3 position, normal, local, first, second;
in float scale;
uniform mat4 to_clip;

out Spot {
  vec3 world, normal, local, first, second;
  flat float scale;
} spot;

void main() {
  spot.world = position;
  spot.normal = normal;
  spot.local = local;
  spot.first = first;
  spot.second = second;
  spot.scale = scale;
  gl_Position = to_clip * vec4(position, 1);
}
