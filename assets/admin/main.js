// The desk's script: what makes whole pages better. Every page works without it.

import { keepTimes, writeTimes } from "../portal/times.js";
import { offerPasskeys } from "./passkeys.js";

writeTimes(document);
keepTimes();
offerPasskeys();
