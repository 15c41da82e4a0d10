//! The billing half: clients, services and plans.

use super::super::json::Json;
use super::super::model::{Circuit, Customer, Defect, PLANS};
use super::{
    Export, LEGACY_PLAN, List, Of, client_id, day, degrees, plan_name, service_id, zip_code,
};
use std::io::{self, Write};

impl<'a> Export<'a> {
    pub(super) fn crm_clients<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        for circuit in self.isp.circuits() {
            list.record(1, |j| {
                let (company, first, last) = match &circuit.customer {
                    Customer::Person(first, last) => (None, Some(*first), Some(*last)),
                    Customer::Company(name) => (Some(name.as_str()), None, None),
                };
                j.raw("id", client_id(&circuit));
                j.plain("userIdent", format_args!("W-{}", client_id(&circuit)));
                j.raw("clientType", if company.is_some() { 2 } else { 1 });
                j.text_or_null("companyName", company);
                j.text_or_null("firstName", first);
                j.text_or_null("lastName", last);
                j.members(r#""isLead":false,"isActive":true,"isArchived":false"#);
                j.raw("hasSuspendedService", circuit.suspended);
                if self.full {
                    j.members(
                        r#""previousIsp":null,"companyRegistrationNumber":null,"companyTaxId":null,"companyWebsite":null,"companyContactFirstName":null,"companyContactLastName":null"#,
                    );
                    self.crm_address(j, &circuit);
                    j.members(r#""note":null,"organizationId":1,"organizationName":"Synthetic Broadband""#);
                    j.plain("registrationDate", format_args!("{}T00:00:00-0600", day(circuit.since)));
                    j.members(r#""username":null,"hasOverdueInvoice":false,"hasOutage":false,"hasServiceWithoutDevices":false"#);
                    j.array_at("contacts", |j| {
                        j.object(|j| {
                            j.raw("id", client_id(&circuit));
                            j.raw("clientId", client_id(&circuit));
                            j.members(r#""email":null,"phone":null,"name":null,"isBilling":true,"isContact":true,"types":[]"#);
                        });
                    });
                    j.members(
                        r#""attributes":[],"accountBalance":0.0,"accountCredit":0.0,"accountOutstanding":0.0,"currencyCode":"USD","bankAccounts":[],"tags":[]"#,
                    );
                }
            })?;
        }
        Ok(())
    }

    pub(super) fn crm_address(&self, j: &mut Json, circuit: &Circuit) {
        j.text("fullAddress", &self.address(circuit));
        j.text("street1", &circuit.street);
        j.null("street2");
        j.text("city", self.isp.city(self.isp.aps[circuit.ap].site));
        j.members(r#""countryId":249,"stateId":6"#);
        j.plain("zipCode", zip_code(circuit));
        j.raw("addressGpsLat", degrees(circuit.latitude));
        j.raw("addressGpsLon", degrees(circuit.longitude));
    }

    pub(super) fn crm_services<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        for circuit in self.isp.circuits() {
            let as_text = circuit.defect == Some(Defect::TextForNumber);
            list.record(1, |j| {
                j.raw("id", service_id(&circuit));
                j.raw("clientId", client_id(&circuit));
                j.raw("status", service_status(&circuit));
                j.text("name", plan_name(&circuit));
                j.raw("servicePlanId", plan_id(&circuit));
                j.text("servicePlanName", plan_name(&circuit));
                j.text("servicePlanType", "Internet");
                for (key, mbps) in [("downloadSpeed", circuit.mbps[0]), ("uploadSpeed", circuit.mbps[1])] {
                    match mbps {
                        Some(mbps) if as_text => j.plain(key, format_args!("{mbps}.0")),
                        Some(mbps) => j.raw(key, format_args!("{mbps}.0")),
                        None => j.null(key),
                    }
                }
                j.members(
                    r#""downloadSpeedOverride":null,"uploadSpeedOverride":null,"trafficShapingOverrideEnabled":false,"trafficShapingOverrideEnd":null"#,
                );
                j.plain("unmsClientSiteId", self.id(Of::Endpoint, circuit.index as usize));
                j.text("unmsClientSiteStatus", "active");
                let since = day(circuit.since);
                j.plain("activeFrom", format_args!("{since}T00:00:00-0600"));
                j.null("activeTo");
                j.raw_or_null("suspensionReasonId", circuit.suspended.then_some(1));
                j.members(r#""attributes":[]"#);
                if self.full {
                    self.crm_address(j, &circuit);
                    let price = PLANS[circuit.plan].price;
                    j.raw("servicePlanPeriodId", plan_id(&circuit) * 10);
                    j.raw("price", format_args!("{price}.0"));
                    j.raw("totalPrice", format_args!("{price}.0"));
                    j.raw("servicePlanPrice", format_args!("{price}.0"));
                    j.plain("invoicingStart", format_args!("{since}T00:00:00-0600"));
                    j.members(SERVICE_REST);
                }
            })?;
        }
        Ok(())
    }

    pub(super) fn crm_plans<W: Write>(&self, list: &mut List<'_, W>) -> io::Result<()> {
        let legacy = (LEGACY_PLAN, "Legacy tariff", None);
        let catalogue = PLANS
            .iter()
            .enumerate()
            .map(|(index, plan)| (index + 1, plan.name, Some(plan)));
        for (id, name, plan) in catalogue.chain([legacy]) {
            list.record(1, |j| {
                j.raw("id", id);
                j.text("name", name);
                j.null("invoiceLabel");
                j.members(r#""servicePlanType":"Internet","downloadBurst":null,"uploadBurst":null"#);
                j.raw_or_null("downloadSpeed", plan.map(|plan| format!("{}.0", plan.mbps[0])));
                j.raw_or_null("uploadSpeed", plan.map(|plan| format!("{}.0", plan.mbps[1])));
                j.members(r#""aggregation":null,"dataUsageLimit":null,"organizationId":1,"taxable":false"#);
                j.array_at("periods", |j| {
                    j.object(|j| {
                        j.raw("id", id * 10);
                        j.raw("price", format_args!("{}.0", plan.map_or(49, |plan| plan.price)));
                        j.members(r#""period":1,"enabled":true"#);
                    });
                });
                j.members(r#""public":true,"prepaid":false"#);
                if self.full {
                    j.members(PLAN_REST);
                }
                j.raw("archived", plan.is_none());
            })?;
        }
        Ok(())
    }
}

/// What else a plan record says, the same for all.
const PLAN_REST: &str = r#""taxId":null,"amountExemptFromTaxation":null,"setupFee":null,"earlyTerminationFee":null,"minimumContractLengthMonths":null,"prepaidConfiguration":{"pricePerDay":null},"servicePlanGroups":[],"defaultServicePlanGroupId":null,"uploadSpeedLimited":null,"downloadSpeedLimited":null"#;

/// What else a service record says, the same for all.
const SERVICE_REST: &str = r#""prepaid":false,"note":null,"hasIndividualPrice":false,"currencyCode":"USD","invoiceLabel":null,"contractId":null,"contractLengthType":1,"minimumContractLengthMonths":null,"contractEndDate":null,"discountType":0,"discountValue":null,"discountInvoiceLabel":"Discount","discountFrom":null,"discountTo":null,"tax1Id":null,"tax2Id":null,"tax3Id":null,"invoicingPeriodType":2,"invoicingPeriodStartDay":1,"nextInvoicingDayAdjustment":0,"invoicingProratedSeparately":true,"invoicingSeparately":false,"sendEmailsAutomatically":null,"useCreditAutomatically":true,"servicePlanPeriod":1,"hasOutage":false,"fccBlockId":null,"lastInvoicedDate":"2026-06-30T00:00:00-0600","addressData":null,"serviceChangeRequestId":null,"setupFeePrice":null,"earlyTerminationFeePrice":null,"servicePlanGroupId":null,"suspensionPeriods":[],"surcharges":[]"#;

pub(super) fn service_status(circuit: &Circuit) -> u32 {
    if circuit.suspended { 3 } else { 1 }
}

pub(super) fn plan_id(circuit: &Circuit) -> usize {
    if circuit.defect == Some(Defect::NoPlan) {
        LEGACY_PLAN
    } else {
        circuit.plan + 1
    }
}
