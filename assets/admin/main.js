// The desk's script: what makes whole pages better. Every page works without it.

import { keepTimes, writeTimes } from "../portal/times.js";
import { insertAnswers } from "./answers.js";
import { offerCustomers } from "./new_ticket.js";
import { offerPasskeys } from "./passkeys.js";

writeTimes(document);
keepTimes();
offerPasskeys();
insertAnswers(document);

const customer = document.querySelector("[data-form=new-ticket] [name=customer]");
if (customer instanceof HTMLInputElement) offerCustomers(customer);
