// scale: whether what one event costs depends on how much there is of anything.

#include "scale.h"

namespace sake::bench {

void run_scale(const Settings& settings, Report& report) {
  scale_guilds(settings, report);
  scale_crowds(settings, report);
  scale_frames(settings, report);
  scale_logs(settings, report);
}

}  // namespace sake::bench
