// What somebody looks like: fields as in operators/actor/looks/looks.py, which says what they mean.

struct Pattern {
  int kind;
  float repeats, contrast;
  bool printed;
};

struct Outfit {
  float hem, sleeve, neck, v_neck, loose;
  bool dress, skirt;
  float bottom, bottom_loose, shoe;
  bool jacket;
  float jacket_opening, jacket_hem;
  vec3 top_colours[2];
  Pattern top_pattern;
  vec3 bottom_colours[2];
  Pattern bottom_pattern;
  vec3 shoe_colours[2];
  vec3 jacket_colour;
  Pattern jacket_pattern;
  float waist, jacket_sleeve;
};

struct Identity {
  vec3 skin, lips, hair, iris;
  int hair_style;
  float hair_thickness, hair_cut, fringe;
  bool curly;
  float beard, texture;
};

uniform Outfit outfit;
uniform Identity identity;
