//! Who is calling: secrets, keys, clients, grants, consent, identity. Empty until the door is built; no HTTP and no clock will be inside.
