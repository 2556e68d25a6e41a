// The desk's script: what makes whole pages better. Every page works without it.

import { keepTimes, writeTimes } from "../portal/times.js";
import { insertAnswers } from "./answers.js";
import { offerKeys } from "./keys.js";
import { followNews } from "./live.js";
import { offerCustomers } from "./new_ticket.js";
import { offerPasskeys } from "./passkeys.js";
import { offerColours } from "./settings.js";

followNews();
writeTimes(document);
keepTimes();
offerPasskeys();
insertAnswers();
offerKeys();

const customer = document.querySelector("[data-form=new-ticket] [name=customer]");
if (customer instanceof HTMLInputElement) offerCustomers(customer);

const colour = document.querySelector("[data-colour]");
if (colour instanceof HTMLElement) offerColours(colour);
