/**
 * What the targets of the development sequences are: "another object of its class" is taken from a sequence of the same row. Targets that are
 * a part of something (the head of a deer) or alone of their kind stand nowhere.
 */
const CLASSES: Readonly<Record<string, string>> = {
  car: `Car1 vot_car uav_car14 uav_truck2 uavdt_S0601
    Suv davis_car-roundabout davis_car-shadow davis_drift-straight uav_car16_1 uav_car16_2 uav_truck4_2 uavdt_S0310 uavdt_S1606`,
  person: `Couple Crossing davis_dance-twirl davis_parkour dtb_Surfing06
    Human3_first199 Subway davis17_dogs-jump_3 davis17_schoolgirls_1 davis17_schoolgirls_2 davis_tennis segtrack_girl segtrack_soldier
    tld_pedestrian2 tld_pedestrian3 tlp_Mohiniyattam uav_group1_1 uav_group1_3 uav_group1_4 uav_person11 xiph_soccer
    uav_wakeboard4 uav_wakeboard5`,
  rider: `MountainBike davis_bmx-trees davis_scooter-black dtb_MountainBike6 tlp_Bike
    segtrack_bmx segtrack_bmx2 tlp_MotorcycleChase`,
  animal: `davis_cows davis_goat davis_libby segtrack_monkey
    davis17_dogs-jump_1 davis17_dogs-jump_2 dtb_Animal3 dtb_Gull1 tld_panda segtrack_hummingbird segtrack_hummingbird2`,
  face: 'Man FaceOcc1 David Freeman1 Biker_v4r xiph_paris xiph_salesman',
};

/** @returns undefined for a target that is alone of its kind */
export function classOf(sequence: string): string | undefined {
  return Object.entries(CLASSES).find(([, names]) => names.split(/\s+/).includes(sequence))?.[0];
}
