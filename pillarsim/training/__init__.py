"""Training on the chip, the job behind `pillarsim train` and `pillarsim.train`.

chip.yaml + network -> place synapses -> learner, step by step -> counts -> events -> costs -> report

options   what is asked, checked
baseline  the same network trained in software
store     the checkpoint of one device seed
seed      one device seed from its first step to its last
job       all of it in a row
"""
