#pragma once

// The questions of the subcommand `scale`, each in a file of its own.

#include "commands.h"

namespace sake::bench {

void scale_guilds(const Settings& settings, Report& report);  ///< Many guilds against few.
void scale_crowds(const Settings& settings, Report& report);  ///< One guild or message against many.
void scale_frames(const Settings& settings, Report& report);  ///< Large frames against small ones.
void scale_logs(const Settings& settings, Report& report);    ///< Memory of long logs.

}  // namespace sake::bench
