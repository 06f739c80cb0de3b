#pragma once

// SAKE_EXPORT marks what the shared library offers; everything without it is hidden.

/// Before the name of a class, or at the start of a function's declaration.
#define SAKE_EXPORT __attribute__((visibility("default")))

/// Before the name of a class that is declared inside an exported one, which would export it too.
#define SAKE_HIDDEN __attribute__((visibility("hidden")))
