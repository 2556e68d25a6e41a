// The desk's script: what makes whole pages better. Every page works without it.

import { keepTimes, writeTimes } from "../portal/times.js";
import { insertAnswers } from "./answers.js";
import { offerKeys } from "./keys.js";
import { followNews } from "./live.js";
import { offerCustomers } from "./new_ticket.js";
import { offerPasskeys } from "./passkeys.js";
import { offerColours } from "./settings.js";

// On a telephone the places of the desk stand in one strip: the one that is open is to be in sight.
const places = document.querySelector(".places ul");
const here = places?.querySelector("[aria-current]");
if (places && here instanceof HTMLElement) places.scrollLeft = here.offsetLeft - (places.clientWidth - here.offsetWidth) / 2;

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
