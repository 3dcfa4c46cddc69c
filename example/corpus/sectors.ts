/** An industry: the names of its companies, what they sell, and their events. */
export interface Sector {
  readonly label: string
  readonly names: readonly [string, ...string[]]
  readonly segments: readonly string[]
  /** What its companies buy every few years. */
  readonly sites: readonly [string, ...string[]]
  /** What drives the business; each completes a sentence. */
  readonly drivers: readonly [string, ...string[]]
}

const sector = (
  label: string,
  names: readonly [string, ...string[]],
  segments: readonly string[],
  sites: readonly [string, ...string[]],
  drivers: readonly [string, ...string[]],
): Sector => ({ label, names, segments, sites, drivers })

/** The industries of the fictional companies. */
export const sectors: readonly [Sector, ...Sector[]] = [
  sector(
    'energy',
    ['Energy', 'Petroleum', 'Pipeline'],
    [
      'gas gathering',
      'crude oil marketing',
      'pipeline transportation',
      'refined products',
      'offshore drilling',
      'gas storage',
    ],
    ['compressor station', 'storage terminal', 'drilling platform'],
    ['lower realized prices of crude oil', 'higher throughput on the northern lines', 'a mild heating season'],
  ),
  sector(
    'industrial',
    ['Industries', 'Manufacturing', 'Machine'],
    [
      'fluid handling',
      'motion control',
      'precision castings',
      'industrial fasteners',
      'climate systems',
      'lifting equipment',
    ],
    ['foundry', 'assembly plant', 'machining center'],
    ['higher volumes of original equipment', 'the cost of steel and copper', 'orders from distributors'],
  ),
  sector(
    'bank',
    ['Bancorp', 'Financial', 'Trust'],
    [
      'consumer lending',
      'commercial banking',
      'wealth management',
      'card services',
      'mortgage origination',
      'treasury services',
    ],
    ['regional branch office', 'loan service center', 'data center'],
    ['a wider interest margin', 'lower net charge-offs', 'growth of average deposits'],
  ),
  sector(
    'insurance',
    ['Insurance', 'Assurance', 'Casualty'],
    [
      'homeowner policies',
      'workers compensation',
      'group life',
      'marine coverage',
      'reinsurance assumed',
      'annuity contracts',
    ],
    ['claims center', 'underwriting office', 'call center'],
    ['catastrophe losses of the hurricane season', 'premium rate increases', 'favorable reserve development'],
  ),
  sector(
    'health care',
    ['Health', 'Medical', 'Therapeutics'],
    [
      'cardiac devices',
      'oncology medicines',
      'diagnostic imaging',
      'surgical supplies',
      'home infusion',
      'dental products',
    ],
    ['clean room', 'research laboratory', 'sterilization plant'],
    ['new product approvals', 'lower reimbursement rates', 'procedure volumes at hospitals'],
  ),
  sector(
    'technology',
    ['Systems', 'Software', 'Devices'],
    [
      'network security',
      'embedded processors',
      'cloud subscriptions',
      'optical components',
      'payment terminals',
      'design software',
    ],
    ['design center', 'wafer fabrication line', 'server farm'],
    ['the shift from licenses to subscriptions', 'demand from data center customers', 'erosion of selling prices'],
  ),
  sector(
    'retail',
    ['Stores', 'Outfitters', 'Markets'],
    ['apparel stores', 'online orders', 'home furnishings', 'grocery aisles', 'outdoor equipment', 'pharmacy counters'],
    ['distribution center', 'flagship store', 'fulfillment warehouse'],
    ['comparable store traffic', 'markdowns of seasonal goods', 'the timing of the holiday calendar'],
  ),
  sector(
    'utility',
    ['Power', 'Electric', 'Water'],
    [
      'residential electricity',
      'wholesale generation',
      'gas distribution',
      'water treatment',
      'transmission lines',
      'renewable output',
    ],
    ['combined cycle plant', 'substation', 'treatment works'],
    ['weather and volume effects', 'the retail electric price', 'new base rates that the commission approved'],
  ),
  sector(
    'transport',
    ['Freight', 'Airlines', 'Logistics'],
    [
      'intermodal freight',
      'passenger fares',
      'contract logistics',
      'bulk shipping',
      'regional flights',
      'parcel delivery',
    ],
    ['rail yard', 'maintenance hangar', 'sorting hub'],
    ['fuel surcharges', 'a higher load factor', 'carload volumes of grain and coal'],
  ),
  sector(
    'materials',
    ['Chemical', 'Paper', 'Steel'],
    [
      'specialty coatings',
      'containerboard',
      'flat rolled steel',
      'industrial gases',
      'crop nutrients',
      'packaging films',
    ],
    ['rolling mill', 'recovery boiler', 'polymer plant'],
    ['the price of natural gas feedstock', 'planned maintenance outages', 'a better product mix'],
  ),
  sector(
    'food',
    ['Foods', 'Brands', 'Beverage'],
    ['frozen meals', 'breakfast cereals', 'bottled drinks', 'pet nutrition', 'snack bars', 'food service'],
    ['bakery', 'bottling plant', 'cold store'],
    ['the cost of wheat and sugar', 'new product launches', 'promotional spending'],
  ),
  sector(
    'real estate',
    ['Properties', 'Realty', 'Towers'],
    ['office rents', 'shopping centers', 'tower leasing', 'apartment rents', 'parking income', 'warehouse rents'],
    ['office tower', 'retail pavilion', 'logistics park'],
    ['occupancy of the downtown buildings', 'lease termination fees', 'straight-line rent adjustments'],
  ),
]
